"""The virtual environments of the peers: made once under `.venv-peers/` in the checkout, with pip and package names."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from collections.abc import Mapping
from pathlib import Path

from benchmarks.implementations import Peer

FOLDER = Path(__file__).resolve().parents[1] / ".venv-peers"
_INSTALL_SIZE = Path(__file__).resolve().parent / "install_size.py"
_TIMEOUT = 900.0  # seconds an installation may take


class PeerUnavailable(Exception):
    """A peer cannot be installed or does not run; the text says why."""


def python_of(peer: Peer) -> str:
    """The Python of the environment the peer is in, made at the first call. Raises `PeerUnavailable`."""
    place = FOLDER / peer.slug
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = place / "ready"
    wanted = "\n".join(peer.requirements)
    if not ready.exists() or ready.read_text("utf-8") != wanted:
        venv.create(place, clear=True, with_pip=True)
        command = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install"]
        _run([*command, "ipykernel", "ipywidgets", *peer.requirements])
        ready.write_text(wanted, "utf-8")
    return str(python)


def install_size(peer: Peer) -> dict[str, float]:
    """The distributions the peer adds to ipykernel and ipywidgets, with their MiB."""
    sizes: dict[str, float] = json.loads(_run([python_of(peer), str(_INSTALL_SIZE), *peer.roots]))
    return sizes


def release(peer: Peer) -> str:
    """Which release was measured, e.g. `openai 2.8.1`."""
    code = f"from importlib.metadata import version; print(version({peer.roots[0]!r}))"
    return f"{peer.roots[0]} {_run([python_of(peer), '-c', code]).strip()}"


def environ_of(peer: Peer, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of its kernels: the service is where it looks for OpenAI's."""
    theirs = dict(environ) | dict(peer.environ)
    theirs.pop("PYTHONPYCACHEPREFIX", None)  # pip has written its bytecode
    theirs["OPENAI_API_KEY"] = environ["BENCH_TOKEN"]
    theirs["OPENAI_BASE_URL"] = theirs["OPENAI_API_BASE"] = environ["BENCH_URL"]
    return theirs


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise PeerUnavailable(f"{command[0]} took longer than {_TIMEOUT:.0f} s") from None
    if done.returncode:
        raise PeerUnavailable((done.stderr.strip().splitlines() or ["no reason given"])[-1][:200])
    return done.stdout
