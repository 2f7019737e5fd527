"""The command line, as a program and within this process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from openclaw_ipython import __version__
from openclaw_ipython.cli import main


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "openclaw_ipython", "portal", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUTF8": "1"},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Ctrl-C for a single child process")
def test_the_portal_prints_its_address_answers_and_stops_on_ctrl_c():
    program = start("--approve-after", "0", "--token-lifetime", "90")
    try:
        assert program.stdout is not None
        greeting = [program.stdout.readline() for _ in range(6)]
        url = greeting[0].split()[-1]
        assert "not a model" in greeting[1]
        assert f"  OPENCLAW_IPYTHON_OAUTH_ORIGIN={url}\n" in greeting
        assert "no account needed" in httpx.get(f"{url}/authorize", trust_env=False).text
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=10)
        assert (program.returncode, errors) == (0, "")
    finally:
        program.kill()
        program.wait()


def test_a_practice_gateway_says_how_the_extension_finds_it():
    with start("--gateway", "main,helper") as program:
        url = program.stdout.readline().split()[-1]
        said = "".join(program.stdout.readline() for _ in range(6))
        answer = httpx.get(f"{url}/v1/models", headers={"Authorization": "Bearer practice"})
        program.terminate()
    assert f"OPENCLAW_GATEWAY_URL={url}" in said
    assert "OPENCLAW_GATEWAY_TOKEN=practice" in said
    listed = [row["id"] for row in answer.json()["data"]]
    assert listed == ["openclaw", "openclaw/default", "openclaw/main", "openclaw/helper"]


def test_a_port_in_use_is_reported_in_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["portal", "--port", str(taken.getsockname()[1])]) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "in use" in errors or "10048" in errors


def test_without_arguments_it_prints_help(capsys):
    assert main([]) == 0
    assert "portal" in capsys.readouterr().out


def test_it_prints_its_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"openclaw-ipython {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["portal", "--port", "70000"],
        ["portal", "--port", "x"],
        ["portal", "--pace", "-1"],
        ["portal", "--pace", "nan"],
        ["portal", "--approve-after", "-1"],
        ["portals"],
    ],
)
def test_invalid_arguments_exit_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_the_server_imports_neither_httpx_nor_ipython():
    program = "import sys, openclaw_ipython.practice.server; print({'httpx', 'IPython'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
