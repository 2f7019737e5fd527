"""Record `notebooks/replay.ipynb` and `compare.ipynb` again: answers into the cache beside each, outputs into it.

Each runs twice: first with a service, then with the cached answers only, in another home without a login. The outputs
of the second run are those that every later run must have. `python scripts/replay.py [replay|compare]`.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import nbformat
from nbclient import NotebookClient

from openclaw_ipython.practice import Portal

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
sys.path.insert(0, str(ROOT / "tests" / "support"))

from signed_in import sign_in  # noqa: E402


@contextmanager
def practice_portal(home: Path) -> Iterator[dict[str, str]]:
    portal = Portal(pace=0.03)  # for plausible durations
    with portal.serve() as origin:
        environ = {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin}
        asyncio.run(sign_in({"OPENCLAW_HOME": str(home), **environ}, portal))
        yield environ


BAD = "off expected not nobody broken faded hum smell sent twenty leaks wrong poor loose hard great"
MORE = "worth letters lie close box glue flatters size execution understand seat app loose"
GOOD = "not bad|was wrong to doubt|has not taken"


class WordLists(BaseHTTPRequestHandler):
    """Two "models" that look for words: the longer list has more of them, and knows phrases that mislead."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = next(one["content"] for one in body["messages"] if one["role"] == "user")
        text = prompt.rpartition("\n")[2].casefold()
        longer = body["model"].startswith("longer")
        words = set(re.findall(r"\w+", text))
        hits = words & set((BAD + " " + MORE if longer else BAD).split())
        bad = bool(hits) and not (longer and re.search(GOOD, text))
        if "delivery" in prompt:
            answer = self.delivery(words, longer)
        elif not longer and "bargain" in text:
            answer = "That depends."
        else:
            answer = json.dumps({"value": "bad" if bad else "good"})
        chance = zlib.crc32(prompt.encode()) % 1000 / 1000
        time.sleep((0.15 if longer else 0.05) * (0.6 + chance))
        tokens = {"prompt_tokens": 60 + len(prompt) // 4, "completion_tokens": 8}
        cost = tokens["prompt_tokens"] * (2e-6 if longer else 2e-7)
        message = {"role": "assistant", "content": answer}
        reply = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        sent = json.dumps(reply | {"usage": tokens | {"cost": cost}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    @staticmethod
    def delivery(words: set[str], longer: bool) -> str:
        late = bool(words & {"late", "delivered", "courier", "waited", "parcel"})
        praised = bool(words & {"early", "punctual", "friendly"})
        if longer:
            return json.dumps({"answer": "yes" if late and not praised else "no"})
        unsure = bool(words & {"courier", "parcel"})
        return json.dumps({"answer": "yes" if late else "no", "confidence": 60 if unsure else 95})

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def word_lists(home: Path) -> Iterator[dict[str, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), WordLists)
    Thread(target=server.serve_forever, daemon=True).start()
    models = [{"id": name, "name": name} for name in ("word-list", "longer-word-list")]
    entry = {
        "baseUrl": f"http://127.0.0.1:{server.server_port}/v1",
        "api": "openai-completions",
        "models": models,
    }
    folder = home / ".openclaw"
    folder.mkdir()
    (folder / "openclaw.json").write_text(json.dumps({"models": {"providers": {"vllm": entry}}}), "utf-8")
    yield {"VLLM_API_KEY": "none"}
    server.shutdown()


SERVICES = {"replay": practice_portal, "compare": word_lists}


def run(path: Path, home: Path, environ: dict[str, str]) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    os.environ |= environ | {"OPENCLAW_HOME": str(home), "IPYTHONDIR": str(home / "ipython")}
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    return notebook


def record(name: str) -> None:
    path, cache = NOTEBOOKS / f"{name}.ipynb", NOTEBOOKS / f"{name}-cache.sqlite"
    cache.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder, SERVICES[name](Path(folder)) as environ:
        run(path, Path(folder), environ)
    for variable in environ:
        del os.environ[variable]
    with tempfile.TemporaryDirectory() as folder:
        notebook = run(path, Path(folder), {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": "http://127.0.0.1:9"})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # timestamps
    notebook.metadata.pop("language_info", None)  # the Python version
    nbformat.write(notebook, path)
    sys.stdout.write(f"{path} and {cache} written\n")


if __name__ == "__main__":
    for name in sys.argv[1:] or SERVICES:
        record(name)
