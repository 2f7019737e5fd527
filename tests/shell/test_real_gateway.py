"""`%%openclaw` with a real Gateway of OpenClaw 2026.9.6 and a scripted model, in a real kernel.

It installs OpenClaw below `.cache` (650 MB) and takes minutes, so it runs only when it is asked for:
OPENCLAW_TEST_REAL_PROGRAMS=1. The tests follow one another; what was seen is in `.cache/real-gateway/seen.txt`.
"""

import os
import re
import shutil
import signal

import pytest
from real_gateway import CACHE, RealGateway, ScriptedModel, install

ENVIRONMENT = dict(os.environ)  # before the tests' own home hides npm's settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        ENVIRONMENT.get("OPENCLAW_TEST_REAL_PROGRAMS") != "1" or not shutil.which("npm"),
        reason="installs the real OpenClaw: set OPENCLAW_TEST_REAL_PROGRAMS=1",
    ),
]
LONG = 400


class Desk:
    """A kernel that can be restarted, beside a Gateway."""

    def __init__(self, gateway, folder) -> None:
        self.gateway = gateway
        self.folder = folder
        self.kernel = None
        self.begin()

    def begin(self, **variables: str) -> None:
        from jupyter_client.manager import start_new_kernel
        from kernels import Kernel

        if self.kernel is not None:
            self.end()
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("OPENCLAW_", "QWEN_"))}
        environ |= {"HOME": str(self.gateway.config_path.parents[1]), "JPY_SESSION_NAME": "work.ipynb"}
        environ |= {"IPYTHONDIR": str(self.folder / "ipython")} | variables
        self.kernel = Kernel(*start_new_kernel(kernel_name="python3", env=environ, cwd=str(self.folder)))
        self.run("%load_ext openclaw_ipython")

    def run(self, code: str, **options):
        cell = self.kernel.run(code, timeout=LONG, **options)
        with (CACHE / "seen.txt").open("a") as seen:
            error = f"{cell.ename}: {cell.traceback.strip()}\n" if cell.ename else ""
            seen.write(f"--- {code}\n{cell.text.strip()}\n{error}")
        return cell

    def end(self) -> None:
        self.kernel.client.stop_channels()
        self.kernel.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    install(ENVIRONMENT)
    (CACHE / "seen.txt").write_text("")
    folder = tmp_path_factory.mktemp("gateway")
    with ScriptedModel(keep=1).serve() as url:
        gateway = RealGateway(folder / "home", url, ENVIRONMENT)
        gateway.start()
        found = Desk(gateway, folder)
        try:
            yield found
        finally:
            found.end()
            gateway.stop(signal.SIGKILL)


def test_the_gateway_is_found_by_its_own_configuration(desk):
    text = desk.run("%openclaw gateway").text
    for said in ("2026.9.6", "right (gateway.auth.token)", "main"):
        assert said in text
    assert "Gateway 2026.9.6" in desk.run("%openclaw models scan").text
    assert "openclaw/main" in desk.run("%openclaw agents").text
    assert "tools.toolSearch" in desk.run("%openclaw doctor").text


def test_a_first_turn_is_answered_and_its_silence_is_told(desk):
    shown = []
    cell = desk.run("%%openclaw\nhello", during=lambda c: shown.append(c.text))
    assert "You asked 1 times." in cell.text
    assert any(re.search(r"the agent is preparing… \d+ s", text) for text in shown)
    assert "full control" in cell.text


def test_the_agent_remembers_over_restarts_of_kernel_and_gateway(desk):
    assert "You asked 2 times." in desk.run("%%openclaw\nagain").text
    desk.begin()
    assert "You asked 3 times." in desk.run("%%openclaw\nafter a restart of the kernel").text
    desk.gateway.stop()
    refused = desk.run("%%openclaw\nnobody is there")
    assert "cannot be reached" in refused.traceback
    assert "→ start it in a terminal: openclaw gateway run" in refused.traceback
    desk.gateway.start()
    assert "You asked 4 times." in desk.run("%%openclaw\nafter a restart of the Gateway").text
    assert "You asked 1 times." in desk.run("%%openclaw --new\nafresh").text


def test_a_function_of_the_notebook_is_called_by_the_agent(desk):
    desk.run("def nb_shape(name: str) -> str:\n    'The shape of a table'\n    return f'{name} is 5 by 6'")
    asked = []
    cell = desk.run(
        '%%openclaw --tools nb_shape\nCALL nb_shape {"name": "df"}',
        during=desk.kernel.answering("y", asked=asked),
    )
    assert "nb_shape(" in asked[0]
    assert "df is 5 by 6" in cell.text
    assert "The notebook said:" in cell.text


def test_an_interrupt_cancels_the_run_and_the_next_turn_says_so(desk):
    pressed = []

    def press(cell):
        if "You asked" in cell.text and not pressed:
            pressed.append(True)
            desk.kernel.interrupt()

    cell = desk.run("%%openclaw\nSLOWLY tell me", during=press)
    assert cell.ename == "KeyboardInterrupt"
    desk.gateway.wait_for(lambda: "HTTP client disconnected" in desk.gateway.log())
    with (CACHE / "seen.txt").open("a") as seen:
        seen.write(next(r for r in desk.gateway.log().splitlines() if "HTTP client disconnected" in r) + "\n")
    after = desk.run("%%openclaw\nand now?").text
    assert "the interrupted message stays in the agent's memory" in after
    assert "interrupted" not in desk.run("%%openclaw\nand now?").text.partition("openclaw/main ·")[2]


def test_several_agents_are_listed_where_none_is_named(desk):
    config = desk.gateway.config()
    config["agents"] |= {"ownership": "explicit", "entries": {"main": {}, "helper": {"name": "Helper"}}}
    desk.gateway.write(config)
    desk.gateway.wait_for(lambda: "openclaw/helper" in desk.run("%openclaw agents").text)
    desk.begin()
    cell = desk.run("%%openclaw\nhello")
    assert "the Gateway has several agents: main, helper" in cell.traceback
    assert "You asked" in desk.run("%%openclaw helper\nhello").text
    assert "there is no such agent" in desk.run("%%openclaw nobody\nhello").traceback


def test_a_wrong_secret_and_an_endpoint_that_is_off_are_told_apart(desk):
    desk.begin(OPENCLAW_GATEWAY_URL=desk.gateway.url, OPENCLAW_GATEWAY_TOKEN="t-wrong")
    cell = desk.run("%%openclaw main\nhello")
    assert "LoginRequired: the Gateway does not accept the secret" in cell.traceback
    assert "t-wrong" not in cell.everything()
    desk.begin()
    config = desk.gateway.config()
    config["gateway"]["http"]["endpoints"]["chatCompletions"]["enabled"] = False
    desk.gateway.write(config)
    desk.gateway.wait_for(lambda: desk.gateway.get("/v1/models") == 404)
    cell = desk.run("%%openclaw main\nhello")
    assert "the Gateway's endpoint for chat is off" in cell.traceback
    assert "→ !openclaw config set gateway.http.endpoints.chatCompletions.enabled true" in cell.traceback
    assert "right (gateway.auth.token)" in desk.run("%openclaw gateway").text
    config["gateway"]["http"]["endpoints"]["chatCompletions"]["enabled"] = True
    desk.gateway.write(config)
    desk.gateway.wait_for(lambda: desk.gateway.get("/v1/models") == 200)


def test_a_gateway_killed_in_mid_turn(desk):
    killed = []

    def kill(cell):
        if "You asked" in cell.text and not killed:
            killed.append(True)
            desk.gateway.stop(signal.SIGKILL)

    cell = desk.run("%%openclaw main\nSLOWLY once more", during=kill)
    assert "StreamBroken: the Gateway ended in the middle of the turn" in cell.traceback
    assert "runs  no" in re.sub(r" +", "  ", desk.run("%openclaw gateway").text)
