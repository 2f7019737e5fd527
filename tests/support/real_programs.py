"""Released versions of OpenClaw and Qwen Code, installed with npm into `.cache/real-programs`.

They speak to this computer and to nobody else.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ENVIRONMENT = dict(os.environ)  # before the tests' own home hides npm's settings
CACHE = Path(__file__).parents[2] / ".cache" / "real-programs"
NPM = shutil.which("npm")
NODE = shutil.which("node")


def why_not() -> str:
    if not (NPM and NODE):
        return "needs node and npm"
    if ENVIRONMENT.get("OPENCLAW_TEST_REAL_PROGRAMS") != "1":
        return "installs the real OpenClaw and Qwen Code: set OPENCLAW_TEST_REAL_PROGRAMS=1"
    return ""


@dataclass(frozen=True)
class Program:
    """A released program. `node` is the oldest Node it starts with, `script` what that runs."""

    package: str
    node: tuple[int, int]
    script: str
    more: tuple[str, ...] = ()
    overrides: dict[str, str] = field(default_factory=dict)


# One dependency of theirs is a git repository, for which the published package of the same name stands in.
_NO_GIT = {"libsignal": "npm:libsignal@2.0.1"}
OPENCLAW_WITH_JSON = Program(
    "openclaw@2026.2.26", (22, 12), "openclaw/openclaw.mjs", ("strip-ansi@7.2.0",), _NO_GIT
)
OPENCLAW_OF_MARCH = Program(
    "openclaw@2026.3.24", (22, 14), "openclaw/openclaw.mjs", ("strip-ansi@7.2.0",), _NO_GIT
)
OPENCLAW_WITH_SQLITE = Program("openclaw@2026.9.6", (24, 16), "openclaw/openclaw.mjs", (), _NO_GIT)
QWEN_CODE_OF_SEPTEMBER = Program("@qwen-code/qwen-code@0.24.4", (20, 0), "@qwen-code/qwen-code/cli.js")
QWEN_CODE = Program("@qwen-code/qwen-code@0.12.0", (20, 0), "@qwen-code/qwen-code/cli.js")

LOOPBACK_ONLY = """
const net = require("node:net");
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const [options] = net._normalizeArgs(Array.isArray(given[0]) ? given[0] : given);
  const host = options.path ? "localhost" : options.host || "localhost";
  if (!/^(127\\.|localhost$|::1$)/.test(host)) throw new Error(`not from a test: ${host}`);
  return connect.apply(this, given);
};
"""


def npm_install(folder: Path, *packages: str, overrides=None, scripts=False) -> None:
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    (CACHE.parent / ".gitignore").write_text("*\n")
    (folder / "package.json").write_text(json.dumps({"private": True, "overrides": overrides or {}}))
    flags = ["--no-audit", "--no-fund", "--save-exact", "--omit=dev", "--omit=peer"]
    flags += [] if scripts else ["--ignore-scripts"]
    command = [NPM, "install", *flags, *packages]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-2000:]
    (folder / "done").touch()


def node_for(wanted: tuple[int, int]) -> str:
    """This machine's Node if it is new enough, else one that is installed for the tests."""
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, version.strip().lstrip("v").split(".")[:2])) >= wanted:
        return NODE
    folder = CACHE / f"node-{wanted[0]}"
    npm_install(folder, f"node@{wanted[0]}", scripts=True)
    return str(folder / "node_modules" / "node" / "bin" / "node")


class RealProgram:
    """A program and a home it runs in."""

    def __init__(self, program: Program, home: Path) -> None:
        folder = CACHE / program.package.strip("@").replace("/", "-")
        npm_install(folder, program.package, *program.more, overrides=program.overrides)
        guard = CACHE / "loopback-only.cjs"
        guard.write_text(LOOPBACK_ONLY)
        self._command = [
            node_for(program.node),
            "--require",
            str(guard),
            str(folder / "node_modules" / program.script),
        ]
        self.home = home

    def run(self, *words: str, timeout: float = 180, **more: str) -> str:
        """What it prints, with `more` variables; it must end well, and not complain about its configuration."""
        environ = {
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),
            "PATH": ENVIRONMENT["PATH"],
            "NO_PROXY": "*",
            "DO_NOT_TRACK": "1",
            "QWEN_TELEMETRY_ENABLED": "false",
            **more,
        }
        done = subprocess.run(
            [*self._command, *words],
            cwd=self.home,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-3000:]
        for complaint in ("Config invalid", "Unrecognized key", "MIGRATION_REQUIRED", "not from a test"):
            assert complaint not in said
        return done.stdout

    def json(self, *words: str) -> dict:
        """What it prints as JSON."""
        return json.loads(self.run(*words, "--json"))
