"""Other programs that use the same home: long-lived ones that ask when told, and ones that are killed on the way.

Run as a script (`programs.py asker` or `programs.py mortal`), it is such a program; imported, it starts them.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

MODEL = "qwen-portal/coder-model"
EVERY = "EVERY_FILE_OPERATION"


class Program:
    """A child process that is told things line by line, and answers each with a line."""

    def __init__(self, kind: str, environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
            text=True,
        )
        # A program that hangs shall fail its test, not stop it.
        self.retry_policy = threading.Timer(1800 if EVERY in os.environ else 240, self.process.kill)
        self.retry_policy.daemon = True
        self.retry_policy.start()

    def tell(self, **what) -> None:
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict:
        line = self.process.stdout.readline()
        assert line, f"the program ended with {self.process.wait()}"
        return json.loads(line)

    def do(self, **what) -> dict:
        self.tell(**what)
        return self.hear()

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.retry_policy.cancel()
        self.process.stdout.close()


@contextmanager
def programs(kind: str, count: int, environ: dict[str, str]):
    started = [Program(kind, environ) for _ in range(count)]
    try:
        for program in started:
            assert program.hear() == {"ready": True}
        yield started
    finally:
        for program in started:
            program.end()


# -- the child's side ------------------------------------------------------------------------


def say(**what) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def _ask(client) -> dict:
    from openclaw_ipython.errors import OpenClawError

    try:
        return {"answer": await client.ask("hi", model=MODEL)}
    except OpenClawError as error:
        return {"error": type(error).__name__, "text": str(error)}


async def asker() -> None:
    """A kernel: one client that lives long, and asks whenever it is told to."""
    from openclaw_ipython.client import Client

    async with Client(journal=False) as client:
        say(ready=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            count = json.loads(line).get("questions", 1)
            say(results=await asyncio.gather(*(_ask(client) for _ in range(count))))


def mortal() -> None:
    """For each line, a fork that signs in or asks, and dies at the n-th file operation if it comes so far."""
    from openclaw_ipython.client import Client

    Client()  # loads what the forks then need not
    say(ready=True)
    while line := sys.stdin.readline():
        task = json.loads(line)
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            try:
                os.write(theirs, json.dumps(_live(**task)).encode())
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        say(killed=os.WEXITSTATUS(status) == 9, result=json.loads(said) if said else None)


def _live(*, act: str, dies_at: int = 0, later: float = 0.0) -> dict:
    """`dies_at` 0 is never; `later` puts the clock forward, in seconds."""
    from openclaw_ipython.client import Client, Runtime
    from openclaw_ipython.openclaw.paths import current_home
    from openclaw_ipython.openclaw.store import Store

    def clock() -> float:
        return time.time() + later

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.001))

    fs = dying(dies_at)
    store = Store(current_home(), Runtime(os.environ, clock=clock), fs=fs)

    async def run() -> dict:
        runtime = Runtime(dict(os.environ), clock, time.monotonic, sleep)
        async with Client(store=store, runtime=runtime, journal=False) as client:
            if act == "ask":
                return await _ask(client)
            async for _ in client.login():
                pass
            return {"answer": "signed in"}

    return {**asyncio.run(run()), "operations": fs.calls}


CHANGING = {
    *("open_new", "write", "fsync", "set_mtime", "replace", "rename", "link", "unlink", "mkdir", "rmdir"),
    "sync_folder",
}


def dying(at: int):
    """A file system on which this process ends at its `at`-th call, before that is done (a write: half done).

    Only calls that change something are counted: a death at a reading one in between leaves the same files.
    With EVERY_FILE_OPERATION in the environment all are, which takes minutes.
    """
    from openclaw_ipython.openclaw.files import OS, FileSystem

    class Dying(FileSystem):
        calls = 0

    def counted(name: str):
        real = getattr(OS, name)

        def call(self, *args):
            self.calls += 1
            if self.calls == at:
                if name == "write":
                    descriptor, data = args
                    real(descriptor, data[: len(data) // 2])
                os._exit(9)
            return real(*args)

        return call

    every = EVERY in os.environ
    for name, value in vars(FileSystem).items():
        if callable(value) and not name.startswith("_") and (every or name in CHANGING):
            setattr(Dying, name, counted(name))
    return Dying()


# -- a home for them -------------------------------------------------------------------------


class SharedHome:
    """A home in a folder, one portal for it, and a login in the store that is tried."""

    def __init__(self, folder: Path, url: str, portal, kind: str) -> None:
        self.folder, self.url, self.portal, self.kind = folder, url, portal, kind
        self.state, self.qwen = folder / ".openclaw", folder / ".qwen"
        agent = self.state / "agents" / "main" / "agent"
        self.config = self.state / "openclaw.json"
        self.profiles = agent / "auth-profiles.json"
        self.creds = self.qwen / "oauth_creds.json"
        self.file = self.profiles if kind == "openclaw" else self.creds
        self.lock = self.profiles.with_name("auth-profiles.json.lock")
        if kind == "qwen":
            self.lock = self.qwen / "oauth_creds.lock"
        agent.mkdir(parents=True, mode=0o700)
        self.qwen.mkdir(mode=0o700)

    @property
    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENCLAW_", "QWEN_"))}
        return kept | {
            "HOME": str(self.folder),
            "USERPROFILE": str(self.folder),
            "OPENCLAW_IPYTHON_OAUTH_ORIGIN": self.url,
        }

    def write(self, path: Path, value) -> None:
        """As any program should: whole, and for its owner alone."""
        new = path.with_name(path.name + ".new")
        new.touch(mode=0o600)
        new.write_text(value if isinstance(value, str) else json.dumps(value, indent=2), "utf-8")
        new.replace(path)

    def is_set_up(self) -> SharedHome:
        entry = {
            "baseUrl": f"{self.url}/v1",
            "apiKey": "qwen-oauth",
            "api": "openai-completions",
            "models": [],
        }
        self.write(self.config, {"models": {"providers": {"qwen-portal": entry}}})
        return self

    def has_login(self, *, left: float) -> SharedHome:
        """A new login of the portal, with so many seconds left; beside it, in the store, another profile."""
        grant, expires = self.portal.issue(self.url), int((time.time() + left) * 1000)
        if self.kind == "qwen":
            record = {k: grant[k] for k in ("access_token", "refresh_token", "token_type", "resource_url")}
            self.write(self.creds, record | {"expiry_date": expires, "future": [1]})
            return self
        profile = {"type": "oauth", "provider": "qwen-portal", "access": grant["access_token"]}
        profile |= {"refresh": grant["refresh_token"], "expires": expires}
        other = {"type": "api_key", "provider": "other", "key": "sk-somebody-elses"}
        profiles = {"other:manual": other, "qwen-portal:default": profile}
        self.write(self.profiles, {"version": 1, "profiles": profiles})
        return self

    def login(self) -> dict:
        """Access, refresh and expiry as they are written down now."""
        value = json.loads(self.file.read_text("utf-8"))
        if self.kind == "qwen":
            assert value["future"] == [1]
            return {
                "access": value["access_token"],
                "refresh": value["refresh_token"],
                "at": value["expiry_date"],
            }
        assert value["profiles"]["other:manual"]["key"] == "sk-somebody-elses"
        profile = value["profiles"]["qwen-portal:default"]
        return {"access": profile["access"], "refresh": profile["refresh"], "at": profile["expires"]}

    def expire(self) -> None:
        """The login's time is over, for its file and for the service."""
        value = json.loads(self.file.read_text("utf-8"))
        if self.kind == "qwen":
            value["expiry_date"] = 1_000
        else:
            value["profiles"]["qwen-portal:default"]["expires"] = 1_000
        self.write(self.file, value)
        self.portal.expires_tokens()

    def names(self) -> set[str]:
        return {str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file()}


if __name__ == "__main__":
    if sys.argv[1] == "asker":
        asyncio.run(asker())
    else:
        mortal()
