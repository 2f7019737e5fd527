"""A real OpenClaw Gateway before a scripted model server; for tests that are asked for."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from scripted_portal import Portal

from openclaw_ipython.practice.answers import pieces
from openclaw_ipython.practice.completion_format import Call, Completion, CompletionHeader, event_stream
from openclaw_ipython.practice.http_types import HttpResponse
from openclaw_ipython.practice.requests import text_of

CACHE = Path(__file__).parents[2] / ".cache" / "real-gateway"
INTERNAL = "BEGIN_OPENCLAW_INTERNAL_CONTEXT"


def install(environ: dict[str, str]) -> None:
    """OpenClaw with a Node of its own: 650 MB."""
    if (CACHE / "done").exists():
        return
    (CACHE / "node").mkdir(parents=True, exist_ok=True)
    (CACHE.parent / ".gitignore").write_text("*\n")
    (CACHE / "node" / "package.json").write_text('{"private": true}')
    package = {
        "private": True,
        "dependencies": {"openclaw": "2026.9.6"},
        "overrides": {"linkedom": "0.18.12"},  # a later one has a dependency that may not resolve
    }
    npm = shutil.which("npm")
    subprocess.run([npm, "install", "--no-save", "node@24"], cwd=CACHE / "node", env=environ, check=True)
    (CACHE / "package.json").write_text(json.dumps(package))
    path = f"{CACHE / 'node' / 'node_modules' / '.bin'}{os.pathsep}{environ['PATH']}"
    command = [npm, "install", "--ignore-scripts", "--legacy-peer-deps"]
    subprocess.run(command, cwd=CACHE, env=environ | {"PATH": path}, check=True)
    (CACHE / "done").touch()


class ScriptedModel(Portal):
    """The model of the agents: answers from the words of the person, which may ask for a call or a slow answer."""

    def _chat(self, request):
        body = request.json()
        said = [m for m in body["messages"] if not (m["role"] == "user" and INTERNAL in text_of(m))]
        questions = [text_of(m) for m in said if m["role"] == "user"]
        last = questions[-1] if questions else ""
        calls, words = (), f"You asked {len(questions)} times."
        if said[-1]["role"] == "tool":
            words = f"The tool said: {text_of(said[-1])[:200]}"
        elif re.search(r"\bTool:\S+: ", last):
            words = f"The notebook said: {last[-60:]}"
        elif call := re.search(r"CALL (\w+) (\{.*?\})", last):
            arguments = {"id": call[1], "args": json.loads(call[2])}
            calls = (Call(f"call_{len(body['messages'])}", "tool_call", json.dumps(arguments)),)
        elif "Queued user message" in last:
            words = "I was interrupted before. You asked."
        slow = "SLOWLY" in last and not calls and "Queued user message" not in last
        completion = Completion(
            pieces(words * (60 if slow else 1)), (), calls, "tool_calls" if calls else "stop"
        )
        header = CompletionHeader("c-1", 0, body["model"])
        usage = {"prompt_tokens": 700, "completion_tokens": 40, "total_tokens": 740}
        steps = event_stream(completion, header, usage, pace=0.5 if slow else 0.0)
        return HttpResponse(200, steps, {"content-type": "text/event-stream; charset=utf-8"})


class RealGateway:
    """A Gateway in the home `folder`, with the model server at `model_url`."""

    def __init__(self, folder: Path, model_url: str, environ: dict[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.config_path = folder / ".openclaw" / "openclaw.json"
        self._log = folder / "gateway.log"
        binary = CACHE / "node" / "node_modules" / ".bin"
        self._environ = {
            "HOME": str(folder), "PATH": f"{binary}{os.pathsep}{environ['PATH']}", "TERM": "dumb", "NO_COLOR": "1",
            "OPENCLAW_HIDE_BANNER": "1", "TMPDIR": str(folder),
        }  # fmt: skip
        self._process: subprocess.Popen | None = None
        model = {
            "id": "m", "name": "M", "reasoning": False, "input": ["text", "image"], "contextWindow": 128_000,
            "maxTokens": 8192, "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
        }  # fmt: skip
        server = {"baseUrl": f"{model_url}/v1", "apiKey": "k", "api": "openai-completions", "models": [model]}
        self.config_path.parent.mkdir(parents=True)
        self.write({
            "gateway": {
                "mode": "local", "port": self.port, "bind": "loopback", "auth": {"mode": "token", "token": "t-real-1"},
                "http": {"endpoints": {"chatCompletions": {"enabled": True}}},
            },
            "models": {"mode": "replace", "providers": {"mock": server}},
            "agents": {
                "defaults": {"model": {"primary": "mock/m"}, "models": {"mock/m": {}}}, "entries": {"main": {}},
            },
        })  # fmt: skip

    def write(self, config: dict) -> None:
        self.config_path.write_text(json.dumps(config, indent=1))

    def config(self) -> dict:
        return json.loads(self.config_path.read_text())

    def start(self, seconds: float = 300) -> None:
        command = [
            str(CACHE / "node_modules" / ".bin" / "openclaw"), "gateway", "run", "--port", str(self.port),
            "--bind", "loopback",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, env=self._environ, stdout=self._log.open("a"), stderr=subprocess.STDOUT, cwd=self._log.parent,
            start_new_session=True,
        )  # fmt: skip
        self.wait_for(lambda: self.get("/readyz") == 200, seconds)

    def get(self, path: str) -> int:
        """The status of an answer; 0 for none."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": "Bearer t-real-1"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def wait_for(self, condition, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.log()[-3000:]
            time.sleep(0.5)

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait(400)
            self._process = None
