"""Real servers, started here: what a user types works with them.

Each is installed with pip into an environment of its own below `.cache/real-servers` (from a hundred megabytes to a
gigabyte, some minutes), so this runs only when it is asked for: OPENCLAW_TEST_REAL_SERVERS=1.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from openclaw_ipython.batch.mapping import map_items
from openclaw_ipython.client import Client
from openclaw_ipython.errors import LoginRequired, RequestRejected
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.sanitize.secrets import Secret

ENVIRONMENT = dict(os.environ)
CACHE = Path(__file__).parents[2] / ".cache" / "real-servers"
SUPPORT = Path(__file__).parents[1] / "support"
KEY = "sk-local-0123456789abcdef0123456789abcdef"

pytestmark = pytest.mark.skipif(
    ENVIRONMENT.get("OPENCLAW_TEST_REAL_SERVERS") != "1",
    reason="installs and starts model servers: set OPENCLAW_TEST_REAL_SERVERS=1",
)

LITELLM = f"""
model_list:
  - model_name: hello
    litellm_params: {{model: openai/hello, api_key: none, mock_response: "Hello from the mock."}}
general_settings: {{master_key: {KEY}}}
"""


@dataclass(frozen=True)
class Server:
    """How a server is installed and started. `{port}` is filled into `command`; `key` is what it wants."""

    name: str
    packages: tuple[str, ...]
    command: str
    provider: str
    model: str
    key: str = ""
    says: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return CACHE / self.name

    def run(self, words, **options):
        program, *rest = words.split()
        return [str(self.folder / "bin" / program), *rest], {
            "cwd": self.folder,
            "env": ENVIRONMENT | self.environ,
        } | options

    def install(self):
        if not (self.folder / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", self.folder], check=True)
            words, options = self.run("python -m pip install -q " + " ".join(self.packages))
            subprocess.run(words, check=True, **options)
            (self.folder / "installed").touch()
        if "gguf" in self.packages:
            words, options = self.run(f"python {SUPPORT / 'tiny_gguf.py'} tiny.gguf")
            subprocess.run(words, check=True, **options)
        (self.folder / "litellm.yaml").write_text(LITELLM)


LLAMA = Server(
    "llama-cpp-python",
    ("llama-cpp-python[server]", "gguf", "numpy"),
    "python -m llama_cpp.server --model tiny.gguf --n_ctx 1024 --n_threads 1 --n_threads_batch 1 --port {port}",
    "vllm",  # it stands at the same port
    "tiny.gguf",
)
PROXY = Server(
    "litellm",
    ("litellm[proxy]", "prisma"),
    "litellm --config litellm.yaml --host 127.0.0.1 --port {port}",
    "openai-compatible",
    "hello",
    KEY,
    "Hello from the mock.",
    {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
)
SERVERS = [LLAMA, PROXY]


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def running(request):
    """The server, and its base URL."""
    server = request.param
    server.install()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words, options = server.run(server.command.format(port=port))
    url = f"http://127.0.0.1:{port}/v1"
    with (
        (server.folder / "log").open("w") as log,
        subprocess.Popen(words, stdout=log, stderr=log, **options) as process,
    ):
        try:
            _wait(process, url)
            yield server, url
        finally:
            process.terminate()


def _wait(process, url):
    """Wait until something answers there: a server needs up to some minutes to start."""
    for _ in range(600):
        assert process.poll() is None, "the server has ended: its log is in .cache/real-servers"
        try:
            urllib.request.urlopen(f"{url}/models", timeout=10).close()
        except urllib.error.HTTPError:
            return  # it wants a key
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError("the server did not start")


@pytest.fixture
def signed_in(running, home):
    """The server, and a function that makes clients of a home that is set up for it as the hints say."""
    server, url = running

    def client():
        runtime = Runtime({})
        return Client(store=Store(home, runtime), runtime=runtime)

    async def log_in(key=None):
        async with client() as one:
            return await one.login_locally(server.provider, key, region=url)

    if server.key:
        with pytest.raises(LoginRequired) as caught:
            asyncio.run(log_in())
        assert caught.value.hint.startswith(f"%openclaw login --provider {server.provider} --region http")
    assert asyncio.run(log_in(Secret(server.key) if server.key else None)).base_url == url
    return server, client


def ask(client, server, **options):
    async def once():
        async with client() as one:
            return await one.ask("Hello", model=f"{server.provider}/{server.model}", max_tokens=8, **options)

    return asyncio.run(once())


@pytest.mark.parametrize("stream", [True, False])
def test_it_answers(signed_in, stream):
    server, client = signed_in
    reply = ask(client, server, stream=stream)
    assert reply.finish_reason in {"stop", "length"}
    assert not server.says or reply == server.says


def test_many_rows_are_answered(signed_in):
    server, client = signed_in
    model = f"{server.provider}/{server.model}"
    results = map_items(
        ["a", "b", "c"], model=model, max_tokens=4, client=client(), progress=False, table=False
    )
    assert len(results) == 3


def test_a_question_with_a_tool_is_answered(signed_in):
    server, client = signed_in

    def add(a: int, b: int) -> int:
        """The sum."""
        return a + b

    assert ask(client, server, tools=[add]) is not None


def test_its_models_are_listed_and_a_wrong_base_url_is_corrected(signed_in, running):
    server, client = signed_in
    _, url = running
    one = client()
    assert [model.id for model in asyncio.run(one.refresh_models(server.provider)).models] == [server.model]
    one.settings.set(f"models.providers.{server.provider}.baseUrl", f"{url}/chat/completions")
    with pytest.raises(RequestRejected) as caught:
        ask(client, server)
    assert caught.value.hint.endswith(f"baseUrl {url}")
