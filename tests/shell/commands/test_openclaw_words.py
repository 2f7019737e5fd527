"""Every command of OpenClaw's provider pages, of February 2026 and of today, gets a true answer."""

import json
from pathlib import Path

import pytest

from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.providers import built_in
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.shell.commands import dispatch, openclaw_words
from openclaw_ipython.shell.front_end import FrontEnd
from openclaw_ipython.shell.parser import words

PAGE = Path(__file__).parents[3] / "docs" / "from-openclaw.md"


def answer(house, line):
    """The text of a command's answer or of its error, in a notebook without a person."""

    class Session:
        client = house.client
        loop_thread = LoopThread()
        front = FrontEnd("notebook", False, "a test")
        pending = None
        sign_in = None

        def show(self, view):
            pass

    try:
        view = dispatch(Session(), words(line.removeprefix("openclaw ")))
    except OpenClawError as error:
        return f"{error} → {error.hint}"
    finally:
        Session.loop_thread.close()
    return view.text()


ANSWERS = {
    "openclaw plugins enable qwen-portal-auth": "Plugin qwen-portal-auth enabled",
    "openclaw models auth login --provider qwen-portal --set-default": "QWEN_OAUTH_TOKEN",
    "openclaw models set qwen-portal/coder-model": "Default model: qwen-portal/coder-model",
    "openclaw plugins install @openclaw/qwen-provider": "%openclaw login --provider modelstudio",
    "openclaw onboard --auth-choice qwen-standard-api-key": "DASHSCOPE_API_KEY",
    "openclaw onboard --auth-choice qwen-standard-api-key-cn": "DASHSCOPE_API_KEY",
    "openclaw onboard --auth-choice qwen-api-key": "BAILIAN_CODING_PLAN_API_KEY",
    "openclaw onboard --auth-choice qwen-api-key-cn": "BAILIAN_CODING_PLAN_API_KEY",
    "openclaw onboard --auth-choice qwen-token-plan": "QWEN_TOKEN_PLAN_API_KEY",
    "openclaw onboard --auth-choice qwen-token-plan-cn": "QWEN_TOKEN_PLAN_API_KEY",
    "openclaw models list --provider qwen": "modelstudio/qwen3.7-plus",
    "openclaw models list --provider qwen-token-plan": "qwen-token-plan/qwen3.7-plus",
    "openclaw models list --local": "no models are set up yet",
    "openclaw models refresh": "qwen-token-plan/qwen3.7-plus",
    "openclaw models auth paste-api-key --provider modelstudio": "no person can enter the key here",
    "openclaw models auth activate modelstudio:work": "modelstudio:work is tried first",
    "openclaw models auth logout modelstudio:work": "Signed out: modelstudio:work",
    "openclaw models scan": "%openclaw",
}


@pytest.mark.parametrize("line", ANSWERS, ids=str)
def test_a_command_of_the_pages_gets_a_true_answer(house, line):
    entry = {"baseUrl": "https://x.example/v1", "models": [{"id": "qwen3.7-plus", "name": "q"}]}
    house.write_config({"models": {"providers": {"qwen-token-plan": entry, "modelstudio": entry}}})
    key = {"type": "api_key", "provider": "modelstudio", "key": "sk-made-up-0123456789"}
    house.home.auth_profiles.parent.mkdir(parents=True)
    house.home.auth_profiles.write_text(json.dumps({"version": 1, "profiles": {"modelstudio:work": key}}))
    if "onboard" in line:
        house.home.auth_profiles.unlink()
    if "--local" in line:
        house.write_config({})
    assert ANSWERS[line] in answer(house, line)


def test_the_page_in_the_docs_names_every_one_of_them():
    text = PAGE.read_text("utf-8")
    for line in ANSWERS:
        assert line in text, line


def test_the_choices_are_services_and_regions_that_exist():
    for provider_id, region in openclaw_words.CHOICES.values():
        provider = built_in()[provider_id]
        assert region is None or region in {one.id for one in provider.regions}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("onboard", "--auth-choice"),
        ("onboard --auth-choice gemini-api-key", "choice of OpenClaw's own"),
        ("onboard --auth-choice qwen-apikey", "did you mean qwen-api-key"),
        ("plugins install some-plugin", "into a Gateway"),
        ("agent", "needs --message"),
    ],
)
def test_what_is_not_done_here_is_said(house, line, said):
    assert said in answer(house, line)


@pytest.mark.parametrize("word", ["channels", "acp", "infer", "cron", "browser"])
def test_a_word_of_the_program_itself_is_said_to_be_one(house, word):
    assert f"!openclaw {word}" in answer(house, f"{word} status")
