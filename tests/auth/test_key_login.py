"""Signing in with a key, with one of the environment, to a server on this machine: what is asked, what is written."""

import asyncio
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins import KEY, CodingPlan, DashScope, LMStudio, Ollama, OpenRouter

from openclaw_ipython.auth.key_login import chosen_address, owners
from openclaw_ipython.chat.stream import RetryPolicy
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.errors import LoginRequired, LoginUnavailable, ServiceUnavailable, UsageError
from openclaw_ipython.openclaw.json5.parse import Edit
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in
from openclaw_ipython.sanitize.secrets import Secret

PLAN_KEY = CodingPlan.key
STUDIO = built_in()["modelstudio"]
SINGAPORE, BEIJING = STUDIO.regions[0].base_url, STUDIO.regions[1].base_url


class Desk:
    """A client whose only way out is one stand-in, and the home it writes to."""

    def __init__(self, home, transport, environ=None, **options):
        self.home = home
        self.environ = environ or {}
        self.store = Store(home, Runtime(self.environ))
        self.client = Client(store=self.store, transport=transport, runtime=Runtime(self.environ), **options)

    def login(self, provider, key=None, **options):
        secret = Secret(key) if key else None
        return asyncio.run(self.client.login_with_key(provider, secret, **options))

    def locally(self, provider, **options):
        return asyncio.run(self.client.login_locally(provider, **options))

    def config(self):
        return json.loads(self.home.config_path.read_text("utf-8"))

    def entry(self, provider):
        return self.config()["models"]["providers"][provider]

    def profiles(self):
        return json.loads(self.home.auth_profiles.read_text("utf-8"))["profiles"]

    def wrote_nothing(self):
        return not any(path.is_file() for path in self.home.user_home.rglob("*"))


def studio(url=SINGAPORE):
    return DashScope(url, models=("qwen3.7-plus", "qwen3.8-max"))


# -- by key --------------------------------------------------------------------------------


def test_a_key_login_asks_once_then_writes_profile_entry_models_alias_and_default_together(home):
    service = studio()
    desk = Desk(home, service.transport())
    outcome = desk.login("modelstudio", KEY)
    assert [(r.method, str(r.url)) for r in service.requests] == [("GET", f"{SINGAPORE}/models")]
    assert desk.profiles() == {
        "modelstudio:default": {"type": "api_key", "provider": "modelstudio", "key": KEY}
    }
    entry = desk.entry("modelstudio")
    assert entry["baseUrl"] == SINGAPORE
    assert "apiKey" not in entry
    assert [m["id"] for m in entry["models"]] == [m.id for m in STUDIO.models]
    config = desk.config()
    assert config["agents"]["defaults"]["model"] == {"primary": "modelstudio/qwen3.7-plus"}
    assert config["agents"]["defaults"]["models"]["modelstudio/qwen3.7-plus"] == {"alias": "qwen"}
    assert config["auth"]["profiles"]["modelstudio:default"] == {
        "provider": "modelstudio",
        "mode": "api_key",
    }
    assert KEY not in home.config_path.read_text("utf-8")
    assert (outcome.profile_id, str(outcome.default)) == ("modelstudio:default", "modelstudio/qwen3.7-plus")
    assert asyncio.run(desk.client.ask("hi", model="qwen")) == "I saw words."


def test_an_existing_alias_or_default_is_not_replaced(home):
    desk = Desk(home, studio().transport(), {"OPENROUTER_API_KEY": "sk-or-v1-somebody-can-use-it"})
    desk.client.models.set_default("openrouter/qwen/qwen3-coder")
    desk.client.models.add_alias("qwen", "openrouter/qwen/qwen3-coder")
    desk.login("modelstudio", KEY)
    assert desk.client.models.aliases() == {"qwen": "openrouter/qwen/qwen3-coder"}
    assert str(desk.client.models.default()) == "openrouter/qwen/qwen3-coder"
    desk.login("modelstudio", KEY, set_default=True)
    assert str(desk.client.models.default()) == "modelstudio/qwen3.7-plus"


def test_a_region_is_written_and_kept_by_the_next_login(home):
    desk = Desk(home, studio(BEIJING).transport())
    desk.login("modelstudio", KEY, region="beijing")
    assert desk.entry("modelstudio")["baseUrl"] == BEIJING
    desk.login("modelstudio", KEY)
    assert desk.entry("modelstudio")["baseUrl"] == BEIJING


@pytest.mark.parametrize(
    ("word", "hint"),
    [("bejing", "singapore, beijing, us, hongkong"), ("mars", "https://")],
)
def test_an_unknown_region_names_the_known_ones(word, hint):
    with pytest.raises(UsageError) as caught:
        chosen_address(STUDIO, word)
    assert hint in caught.value.hint


def test_a_refused_key_names_the_address_in_use_and_the_others_tries_none_and_writes_nothing(home):
    service = studio()
    desk = Desk(home, service.transport())
    with pytest.raises(LoginRequired) as caught:
        desk.login("modelstudio", "sk-of-another-region-1234")
    assert f"in use: {SINGAPORE}" in caught.value.hint
    assert BEIJING in caught.value.hint
    assert "coding-intl.dashscope.aliyuncs.com" in caught.value.hint
    assert len(service.requests) == 1
    assert "of-another-region" not in f"{caught.value!r} {caught.value.hint}"
    assert desk.wrote_nothing()


def test_a_403_too_names_the_other_addresses(home):
    forbidding = httpx.MockTransport(lambda request: httpx.Response(403, json={"error": {"message": "no"}}))
    desk = Desk(home, forbidding)
    with pytest.raises(Exception) as caught:
        desk.login("modelstudio", KEY)
    assert BEIJING in caught.value.hint
    assert desk.wrote_nothing()


@pytest.mark.parametrize(
    ("provider", "key", "named"),
    [
        ("modelstudio", PLAN_KEY, "Qwen Coding Plan or Qwen Token Plan"),
        ("modelstudio", OpenRouter.key, "OpenRouter"),
        ("modelscope", OpenRouter.key, "OpenRouter"),
        ("qwen-coding-plan", OpenRouter.key, "OpenRouter"),
        ("openrouter", "fw_0123456789", "Fireworks"),
    ],
)
def test_a_key_of_another_product_is_told_before_anything_is_sent(home, provider, key, named):
    service = studio()
    desk = Desk(home, service.transport())
    with pytest.raises(UsageError, match=named) as caught:
        desk.login(provider, key)
    assert "%openclaw login --provider" in caught.value.hint
    assert key not in f"{caught.value!r} {caught.value.hint}"
    assert service.requests == []
    assert desk.wrote_nothing()


def test_a_proxy_of_ones_own_may_want_any_key(home):
    address = "https://proxy.example/v1"
    service = studio(address)
    service.key = OpenRouter.key
    desk = Desk(home, service.transport())
    desk.login("modelstudio", OpenRouter.key, region=address)
    assert desk.entry("modelstudio")["baseUrl"] == address


@given(st.text(alphabet="abcdefghij-_0123456789", min_size=1))
def test_a_key_that_says_nothing_of_its_origin_has_no_owner(text):
    assert owners(Secret("sk-" + "x" + text), built_in().values()) == ()


@pytest.mark.parametrize("status", [404, 405])
def test_where_no_list_is_kept_the_key_is_stored_and_the_person_told(home, status):
    service = httpx.MockTransport(lambda request: httpx.Response(status, json={"error": "nothing here"}))
    desk = Desk(home, service)
    outcome = desk.login("qwen-coding-plan", PLAN_KEY)
    assert "could not be checked" in " ".join(outcome.notes)
    assert desk.profiles()["qwen-coding-plan:default"]["key"] == PLAN_KEY


def test_a_service_that_does_not_answer_in_time_leaves_the_key_unchecked(home):
    async def never(request):
        await asyncio.Event().wait()

    desk = Desk(home, httpx.MockTransport(never), retry_policy=RetryPolicy(idle_timeout=0.05))
    outcome = desk.login("modelstudio", KEY)
    assert "did not answer in time" in " ".join(outcome.notes)
    assert desk.profiles()["modelstudio:default"]["key"] == KEY


def test_a_service_that_fails_is_no_reason_to_store_a_key(home):
    desk = Desk(home, httpx.MockTransport(lambda request: httpx.Response(500)))
    with pytest.raises(ServiceUnavailable):
        desk.login("modelstudio", KEY)
    assert desk.wrote_nothing()


def test_a_default_model_that_is_not_listed_is_said(home):
    desk = Desk(home, DashScope(SINGAPORE, models=("qwen3.8-max",)).transport())
    assert "qwen3.7-plus is not on the list" in " ".join(desk.login("modelstudio", KEY).notes)


def test_the_portal_takes_no_key(home):
    with pytest.raises(UsageError, match="no API key"):
        Desk(home, studio().transport()).login("qwen-portal", KEY)


# -- a key of the environment --------------------------------------------------------------


def test_a_key_of_the_environment_stays_there(home):
    desk = Desk(home, studio().transport(), {"DASHSCOPE_API_KEY": KEY})
    outcome = desk.login("modelstudio")
    assert "apiKey" not in desk.entry(
        "modelstudio"
    )  # a reference would keep OpenClaw from starting without it
    assert not home.auth_profiles.exists()
    assert "auth" not in desk.config()
    assert KEY not in home.config_path.read_text("utf-8")
    assert "DASHSCOPE_API_KEY" in outcome.notes[0]
    assert asyncio.run(desk.client.ask("hi")) == "I saw words."


def test_a_key_typed_into_the_file_is_not_replaced_by_a_reference(home):
    desk = Desk(home, studio().transport(), {"DASHSCOPE_API_KEY": KEY})
    path = ("models", "providers", "modelstudio")
    desk.store.edit_config(lambda view: [Edit(path, {"baseUrl": SINGAPORE, "apiKey": "sk-typed-by-hand"})])
    desk.login("modelstudio")
    assert desk.entry("modelstudio")["apiKey"] == "sk-typed-by-hand"


def test_without_a_key_the_variables_are_named(home):
    with pytest.raises(LoginRequired) as caught:
        Desk(home, studio().transport()).login("openrouter")
    assert caught.value.hint == "set OPENROUTER_API_KEY in the environment"


# -- a server on this machine --------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "stand_in"), [("ollama", Ollama), ("lmstudio", LMStudio)], ids=["ollama", "lmstudio"]
)
def test_a_local_server_is_written_with_the_models_it_has_and_what_they_read(home, provider, stand_in):
    base_url = built_in()[provider].base_url
    service = stand_in(base_url, reads_images=("qwen3.6-35b-a3b",))
    desk = Desk(home, service.transport())
    outcome = desk.locally(provider)
    models = {m["id"]: m["input"] for m in desk.entry(provider)["models"]}
    assert models == {"qwen3.6-35b-a3b": ["text", "image"], "qwen3-coder:30b": ["text"]}
    assert str(outcome.default) == f"{provider}/qwen3.6-35b-a3b"
    assert not home.auth_profiles.exists()
    assert asyncio.run(desk.client.ask("hi")) == "I saw words."


def test_a_second_look_brings_new_models_and_keeps_what_the_person_wrote_about_the_others(home):
    base_url = built_in()["ollama"].base_url
    desk = Desk(home, Ollama(base_url, models=("old", "kept")).transport())
    desk.locally("ollama")
    mine = {"id": "kept", "name": "Mine", "contextWindow": 4096}
    path = ("models", "providers", "ollama", "models")
    desk.store.edit_config(lambda view: [Edit(path, [{"id": "old", "name": "old"}, mine])])
    again = Desk(home, Ollama(base_url, models=("kept", "new")).transport())
    again.locally("ollama")
    models = again.entry("ollama")["models"]
    assert [m["id"] for m in models] == ["kept", "new"]
    assert models[0] == mine


@pytest.mark.parametrize("provider", ["ollama", "lmstudio", "vllm"])
def test_a_local_server_that_is_not_running_says_what_to_start(home, provider):
    def refuse(request):
        raise httpx.ConnectError("refused", request=request)

    desk = Desk(home, httpx.MockTransport(refuse))
    with pytest.raises(ServiceUnavailable, match=r"answers at http://127\.0\.0\.1") as caught:
        desk.locally(provider)
    assert "`" in caught.value.hint
    assert desk.wrote_nothing()


def test_a_local_server_without_a_model_says_so(home):
    desk = Desk(home, Ollama(built_in()["ollama"].base_url, models=()).transport())
    with pytest.raises(ServiceUnavailable, match="no model") as caught:
        desk.locally("ollama")
    assert "ollama pull" in caught.value.hint


# -- the sign-in that ended ----------------------------------------------------------------


def test_a_portal_that_answers_pages_is_one_sentence_with_the_other_ways(house):
    house.portal.retired(signs_in=False)
    with pytest.raises(LoginUnavailable) as caught:
        asyncio.run(house.login())
    assert str(caught.value) == "the Qwen portal's free sign-in ended on 2026-04-15"
    assert "--provider modelstudio" in caught.value.hint
    assert house.files() == {}


def test_a_login_that_is_refused_at_once_is_no_reason_to_sign_in_again(house):
    asyncio.run(house.login())
    house.portal.retired()
    with pytest.raises(LoginRequired, match="ended on 2026-04-15") as caught:
        asyncio.run(house.client.ask("hi"))
    assert "--force" not in caught.value.hint
    assert "--provider modelstudio" in caught.value.hint


def test_a_login_that_has_worked_for_long_is_signed_in_anew(house):
    asyncio.run(house.login())
    house.portal.retired()
    house.clock.now += 3600
    with pytest.raises(LoginRequired) as caught:
        asyncio.run(house.client.ask("hi"))
    assert caught.value.hint == "%openclaw login --force"


@pytest.mark.parametrize("status", [401, 403])
def test_a_service_that_says_it_is_discontinued_is_believed(house, status):
    asyncio.run(house.login())
    said = '{"error": {"code": "denied", "message": "The free tier was discontinued on 2026-04-15."}}'
    house.portal.fails_next("chat", status, said, times=None)
    house.clock.now += 3600
    with pytest.raises(LoginRequired, match="free sign-in ended on 2026-04-15") as caught:
        asyncio.run(house.client.ask("hi"))
    assert "--provider modelstudio" in caught.value.hint


@pytest.mark.parametrize(
    ("word", "host"),
    [
        ("ws-1.eu-central-1", "ws-1.eu-central-1"),
        ("WS-1.cn-beijing.maas.aliyuncs.com", "ws-1.cn-beijing"),
        ("https://ws-1.us-east-1.maas.aliyuncs.com/compatible-mode/v1/", "ws-1.us-east-1"),
    ],
)
def test_the_address_of_a_workspace_is_given_by_its_name_and_region(word, host):
    assert chosen_address(STUDIO, word) == f"https://{host}.maas.aliyuncs.com/compatible-mode/v1"


@pytest.mark.parametrize("word", ["ws-1.mars-1", "evil.example/cn-beijing", ".cn-beijing"])
def test_another_word_is_no_workspace(word):
    with pytest.raises(UsageError):
        chosen_address(STUDIO, word)
