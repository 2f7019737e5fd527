"""A home in a temporary folder, a clock that is moved by hand, a portal, and a client joined to them."""

import asyncio
import json
import os
import signal
import sys
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from scripted_portal import Portal

from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from messages import CATALOGUES, compile_catalogue, report

os.environ["LANGUAGE"] = "en"  # also where the reader of the test has another language


def pytest_configure() -> None:
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a job in the background of a shell; kernels inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for po in CATALOGUES:
        compile_catalogue(po)


# Tests of more than about a second: left out of `make quick`, besides those marked where they stand.
SLOW = (
    "tests/batch/test_estimate.py",
    "tests/batch/test_mapping.py",
    "tests/batch/test_shared_prefix.py",
    "tests/chat/test_generated_streams.py",
    "tests/chat/test_stream.py::test_answers_that_end_in_an_error_disturb_no_other",
    "tests/codecheck/test_corpus",
    "tests/context/test_image_encoding.py",
    "tests/evaluation/test_cascade.py",
    "tests/dispatch/test_refused_parts.py",
    "tests/mcp/test_kernel_server.py",
    "tests/net/test_connections.py",
    "tests/openclaw/test_json5.py::test_hostile",
    "tests/providers/test_the_example_in_the_docs.py",
    "tests/reliability/test_error_events.py",
    "tests/sanitize/test_markdown_is_inert.py::test_pathological",
    "tests/sanitize/test_plain_words.py",
    "tests/shell/commands/test_offered_commands.py",
    "tests/shell/commands/test_the_example_in_the_docs.py",
    "tests/shell/render/test_markdown.py::test_",
    "tests/shell/render/test_sections.py",
    "tests/shell/render/test_the_examples_in_the_docs.py",
    "tests/shell/test_autoload.py",
    "tests/shell/test_interrupts.py",
    "tests/test_labextension.py::test_the_wheel",
    "tests/test_labextension.py::test_the_source",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter) -> None:
    if lines := report():
        terminalreporter.section("message catalogues (a release needs them complete)")
        for line in lines:
            terminalreporter.write_line(line)


# A busy machine is no failure: generated examples have no deadline.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("default"), max_examples=15)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=2000)
settings.load_profile("default")

START = 1_795_000_000.0


@pytest.fixture(autouse=True)
def no_real_home(tmp_path, monkeypatch):
    """No test may touch the home, the proxies or the settings of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(("OPENCLAW_", "QWEN_", "PI_CODING_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    (tmp_path / "home").mkdir()


class Clock:
    """Seconds since the epoch (call it), moved by `sleep` and by hand."""

    def __init__(self, now: float = START) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def portal(clock):
    return Portal(clock=clock)


@pytest.fixture
def home(tmp_path):
    return locate({}, tmp_path / "home", Path.exists)


class House:
    """A client with everything it takes from outside replaced, and the files it works on."""

    def __init__(self, home, portal, clock, environ=None):
        self.home = home
        self.portal = portal
        self.clock = clock
        self.environ = {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": "http://127.0.0.1:8642", **(environ or {})}
        self.store = Store(home, Runtime(self.environ, clock=clock))
        self.client = self.another()

    def another(self) -> Client:
        """A second client of the same home: another program."""
        runtime = Runtime(self.environ, self.clock, self.clock, self.clock.sleep, lambda: 0.0, os.urandom)
        store = Store(self.home, runtime)
        return Client(store=store, providers=built_in(), transport=self.portal.transport(), runtime=runtime)

    async def login(self, client=None, **options):
        """Sign in, pressing Approve at once; the outcome."""
        client = client or self.client
        async with aclosing(client.login(**options)) as events:
            async for event in events:
                if hasattr(event, "prompt"):
                    self.portal.approve(event.prompt.user_code)
                if hasattr(event, "outcome"):
                    return event.outcome
        raise AssertionError("no outcome")

    def config(self) -> dict:
        return json.loads(self.home.config_path.read_text("utf-8"))

    def profiles(self) -> dict:
        return json.loads(self.home.auth_profiles.read_text("utf-8"))["profiles"]

    def write_config(self, text) -> None:
        self.home.config_path.parent.mkdir(parents=True, exist_ok=True)
        self.home.config_path.write_text(text if isinstance(text, str) else json.dumps(text), "utf-8")

    def files(self) -> dict[str, bytes]:
        """Every file below the home, with its content. But for the journal, which every question writes a row into."""
        root = self.home.user_home
        self.client.recorder.flush()
        found = [p for p in sorted(root.rglob("*")) if not p.name.startswith(self.home.journal.name)]
        return {str(p.relative_to(root)): p.read_bytes() for p in found if p.is_file()}


@pytest.fixture
def house(home, portal, clock):
    return House(home, portal, clock)
