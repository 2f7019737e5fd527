"""The front door: sign in, keep the login, ask. Real files, the practice portal, a clock moved by hand."""

import asyncio
import json
import stat
import sys

import pytest

from openclaw_ipython.chat.types import Notice, TextDelta
from openclaw_ipython.errors import (
    ConfigError,
    DocumentError,
    LoginDenied,
    LoginExpired,
    LoginRequired,
    LoginUnavailable,
    RefreshRejected,
    ServiceUnavailable,
    StreamBroken,
    UnknownModel,
    UnknownProvider,
    UsageError,
)

pytestmark = pytest.mark.filterwarnings("error")


def run(work):
    return asyncio.run(work)


async def until(condition):
    while not condition():  # noqa: ASYNC110 - what is waited for is a file or another's list
        await asyncio.sleep(0)


def test_a_login_writes_profile_provider_alias_and_default_together(house):
    outcome = run(house.login())
    profile = house.profiles()["qwen-portal:default"]
    assert profile["type"] == "oauth"
    assert profile["provider"] == "qwen-portal"
    assert profile["expires"] > house.clock() * 1000
    config = house.config()
    entry = config["models"]["providers"]["qwen-portal"]
    assert [m["id"] for m in entry["models"]] == ["coder-model", "vision-model"]
    assert [m["input"] for m in entry["models"]] == [["text"], ["text", "image"]]
    assert entry["apiKey"] == "qwen-oauth"
    assert entry["api"] == "openai-completions"
    assert not entry["baseUrl"].endswith("/")
    assert config["auth"]["profiles"]["qwen-portal:default"] == {"provider": "qwen-portal", "mode": "oauth"}
    assert config["agents"]["defaults"]["model"] == {"primary": "qwen-portal/coder-model"}
    assert config["agents"]["defaults"]["models"]["qwen-portal/coder-model"] == {"alias": "qwen"}
    assert config["plugins"]["entries"]["qwen-portal-auth"] == {"enabled": True}
    assert str(outcome.default) == "qwen-portal/coder-model"


def test_a_login_puts_the_provider_into_openclaws_catalogue_too(house):
    run(house.login())
    catalogue = json.loads(house.home.models_json.read_text("utf-8"))
    entry = catalogue["providers"]["qwen-portal"]
    assert list(entry) == ["baseUrl", "api", "models", "apiKey"]  # as February's release writes it
    own = house.config()["models"]["providers"]["qwen-portal"]
    assert entry == own | {"models": [model | {"api": "openai-completions"} for model in own["models"]]}
    assert [m["id"] for m in entry["models"]] == ["coder-model", "vision-model"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_what_a_login_writes_is_for_its_owner_only(house):
    run(house.login())
    for path in (house.home.config_path, house.home.auth_profiles):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not list(house.home.state_dir.rglob("*.lock"))
    assert not list(house.home.state_dir.rglob("*.tmp*"))


@pytest.mark.parametrize(
    ("config", "set_default", "default"),
    [
        ({}, False, "qwen-portal/coder-model"),
        ({"agents": {"defaults": {"model": {"primary": "other/one"}}}}, False, "other/one"),
        (
            {"agents": {"defaults": {"model": {"primary": "other/one", "fallbacks": ["a/b"]}}}},
            True,
            "qwen-portal/coder-model",
        ),
        ({"agents": {"defaults": {"model": "other/one"}}}, True, "qwen-portal/coder-model"),
    ],
)
def test_the_default_model_follows_the_rules(house, config, set_default, default):
    house.write_config(config)
    outcome = run(house.login(set_default=set_default))
    assert str(outcome.default) == default
    model = house.config()["agents"]["defaults"]["model"]
    assert (model if isinstance(model, str) else model["primary"]) == default
    if isinstance(model, dict) and "fallbacks" in str(config):
        assert model["fallbacks"] == ["a/b"]


COMMENTED = """// mine
{
  // keep me
  gateway: { port: 18789, token: "${GATEWAY_TOKEN}" }, // and me
  agents: { defaults: { models: { 'anthropic/x': { alias: 'x' }, }, }, },
}
"""


def test_a_login_keeps_comments_order_unknown_keys_and_references(house):
    house.write_config(COMMENTED)
    run(house.login())
    text = house.home.config_path.read_text("utf-8")
    for kept in (
        "// mine",
        "// keep me",
        "// and me",
        "${GATEWAY_TOKEN}",
        "gateway: { port: 18789",
        "'anthropic/x': { alias: 'x' }",
    ):
        assert kept in text
    assert house.client.models.aliases() == {"qwen": "qwen-portal/coder-model", "x": "anthropic/x"}


@pytest.mark.parametrize("text", ["{ broken", "{a: 1,, b: 2}", "[1, 2]", '{"a": "unclosed}\n'])
def test_a_config_that_cannot_be_parsed_is_reported_with_its_line_and_never_touched(house, text):
    house.write_config("{\n\n" + text if text.startswith("{ ") else text)
    before = house.files()
    with pytest.raises(DocumentError) as caught:
        run(house.login())
    assert caught.value.path == house.home.config_path
    assert caught.value.line is not None
    assert house.files() == before
    assert house.portal.requests == ()  # found before the person was sent to the approval page


def test_a_credentials_file_that_cannot_be_parsed_is_never_overwritten(house):
    house.home.auth_profiles.parent.mkdir(parents=True)
    house.home.auth_profiles.write_text("{ not json at all", "utf-8")
    before = house.files()
    with pytest.raises(DocumentError):
        run(house.login())
    assert house.files() == before


def test_an_alias_in_use_is_not_changed(house):
    house.write_config({"agents": {"defaults": {"models": {"other/model": {"alias": "qwen"}}}}})
    run(house.login())
    assert house.client.models.aliases() == {"qwen": "other/model"}


@pytest.mark.parametrize(
    ("prepare", "error"),
    [
        (lambda portal: portal.denies(), LoginDenied),
        (lambda portal: portal.expires_in(4), LoginExpired),
        (lambda portal: portal.answers_html("device/code"), LoginUnavailable),
        (lambda portal: portal.answers_html("token", times=50), LoginUnavailable),
        (lambda portal: portal.fails_next("device/code", 500, "{}"), ServiceUnavailable),
    ],
)
def test_a_login_that_fails_leaves_every_file_as_it_was(house, prepare, error):
    house.write_config(COMMENTED)
    before = house.files()
    prepare(house.portal)

    async def attempt():
        async for _ in house.client.login():
            pass

    with pytest.raises(error):
        run(attempt())
    assert house.files() == before


def test_leaving_a_login_early_writes_nothing(house):
    async def leave():
        events = house.client.login()
        async for _ in events:
            break
        await events.aclose()

    run(leave())
    assert house.files() == {}


def test_resource_url_outside_the_services_hosts_is_not_used(house):
    del house.environ["OPENCLAW_IPYTHON_OAUTH_ORIGIN"]
    house.portal.resource_url("https://evil.example/v1")
    outcome = run(house.login())
    assert outcome.base_url == "https://portal.qwen.ai/v1"
    assert outcome.notes
    assert house.config()["models"]["providers"]["qwen-portal"]["baseUrl"] == "https://portal.qwen.ai/v1"


@pytest.mark.parametrize(
    ("resource_url", "base_url"),
    [
        ("portal.qwen.ai", "https://portal.qwen.ai/v1"),
        ("https://portal.qwen.ai/", "https://portal.qwen.ai/v1"),
        ("eu.portal.qwen.ai/v1/", "https://eu.portal.qwen.ai/v1"),
        (None, "https://portal.qwen.ai/v1"),
        ("qwen.ai.evil.example", "https://portal.qwen.ai/v1"),
        ("evilqwen.ai", "https://portal.qwen.ai/v1"),
        ("user@portal.qwen.ai", "https://portal.qwen.ai/v1"),
        ("http://portal.qwen.ai", "https://portal.qwen.ai/v1"),
        ("https://portal.qwen.ai\\@evil.example", "https://portal.qwen.ai/v1"),
        ("javascript:alert(1)", "https://portal.qwen.ai/v1"),
        ("127.0.0.1", "https://portal.qwen.ai/v1"),
    ],
)
def test_resource_url_becomes_a_base_url_only_within_the_allowed_hosts(house, resource_url, base_url):
    del house.environ["OPENCLAW_IPYTHON_OAUTH_ORIGIN"]
    house.portal.resource_url(resource_url)
    assert run(house.login()).base_url == base_url


def test_the_users_base_url_stays_and_is_used(house):
    house.write_config(
        {"models": {"providers": {"qwen-portal": {"baseUrl": "http://127.0.0.1:9/own/v1", "models": []}}}}
    )
    house.environ.pop("OPENCLAW_IPYTHON_OAUTH_ORIGIN")
    client = house.another()
    assert (
        client.models.target(client.models.resolve("qwen-portal/coder-model")).base_url
        == "http://127.0.0.1:9/own/v1"
    )


def test_asking_sends_the_login_and_returns_the_answer(house):
    run(house.login())
    house.portal.says("Hel", "lo")

    async def ask():
        async with house.another() as client:
            return await client.ask("hi", system="be short", temperature=0.5, max_tokens=50)

    reply = run(ask())
    assert reply == "Hello"
    assert reply.model == "qwen-portal/coder-model"
    assert reply.finish_reason == "stop"
    assert reply.usage is not None
    sent = house.portal.requests[-1]
    body = sent.json()
    assert body["model"] == "coder-model"
    assert body["messages"] == [{"role": "system", "content": "be short"}, {"role": "user", "content": "hi"}]
    assert body["temperature"] == 0.5
    assert body["max_tokens"] == 50
    assert body["stream"] is True
    assert sent.headers["user-agent"].startswith("openclaw-ipython/")


def test_without_streaming_the_answer_is_the_same(house):
    run(house.login())
    house.portal.says("Hel", "lo")
    assert run(house.another().ask("hi", stream=False)) == "Hello"
    assert house.portal.requests[-1].json()["stream"] is False


@pytest.mark.parametrize("braces", ["{", "}", "{x}", '{"a": {"b": 1}}', "{{", "{0}", "{}"])
def test_braces_in_a_prompt_arrive_as_typed(house, braces):
    run(house.login())
    run(house.another().ask(braces))
    assert house.portal.requests[-1].json()["messages"][-1]["content"] == braces


def test_a_request_reads_the_files_once(house):
    run(house.login())
    looks = []

    class Watched(type(house.client._store)):
        def load(self):
            looks.append(getattr(self._pinned, "snapshot", None) is None)
            return super().load()

    house.client._store.__class__ = Watched
    house.client.resolve("hi")
    assert sum(looks) == 1
    assert len(looks) > 1


def test_a_change_by_another_program_is_seen_by_the_next_request(house):
    run(house.login())
    assert house.client.resolve("hi").ref.model == "coder-model"
    house.another().models.set_default("qwen-portal/vision-model")
    assert house.client.resolve("hi").ref.model == "vision-model"


def test_a_request_without_a_login_names_the_command(house):
    with pytest.raises(LoginRequired) as caught:
        run(house.client.ask("hi"))
    assert caught.value.hint == "%openclaw login"
    assert house.portal.requests == ()


@pytest.mark.parametrize(
    ("word", "error", "suggestion"),
    [
        ("qwen-portal/coder-modle", UnknownModel, "qwen-portal/coder-model"),
        ("vison-model", UnknownModel, "qwen-portal/vision-model"),
        ("qwne", UnknownModel, "qwen"),
        ("qwen-protal/coder-model", UnknownProvider, "qwen-portal"),
    ],
)
def test_a_mistyped_model_gets_a_suggestion(house, word, error, suggestion):
    run(house.login())
    with pytest.raises(error) as caught:
        house.client.resolve("hi", model=word)
    assert suggestion in caught.value.suggestions
    assert suggestion in str(caught.value)


@pytest.mark.parametrize(
    "word",
    [
        "qwen",
        "QWEN",
        "coder-model",
        "qwen-portal/coder-model",
        "Qwen-Portal/coder-model",
        "qwen/coder-model",
        "qwen-oauth/coder-model",
    ],
)
def test_every_way_to_write_the_coder_model_means_it(house, word):
    run(house.login())
    assert str(house.client.resolve("hi", model=word).ref) == "qwen-portal/coder-model"


# -- the life of a token ---------------------------------------------------------------------


def token_requests(portal):
    return [
        r
        for r in portal.requests
        if r.path.endswith("/token") and r.form().get("grant_type") == "refresh_token"
    ]


def test_a_token_is_renewed_five_minutes_before_its_end_and_stored(house):
    house.portal.token_lifetime(3600)
    run(house.login())
    before = house.profiles()["qwen-portal:default"]
    run(house.another().ask("hi"))
    assert len(token_requests(house.portal)) == 0
    house.clock.now += 3600 - 299
    run(house.another().ask("hi"))
    after = house.profiles()["qwen-portal:default"]
    assert len(token_requests(house.portal)) == 1
    assert after["access"] != before["access"]
    assert after["refresh"] != before["refresh"]
    assert after["expires"] > before["expires"]


def test_a_401_refreshes_the_token_once_and_the_request_succeeds(house):
    run(house.login())
    house.portal.expires_tokens().says("fine")
    assert run(house.another().ask("hi")) == "fine"
    assert len(token_requests(house.portal)) == 1


def test_a_401_that_stays_ends_in_one_error_and_no_loop(house):
    run(house.login())
    house.portal.retired()
    with pytest.raises(LoginRequired) as caught:
        run(house.another().ask("hi"))
    assert "login" in caught.value.hint
    chats = [r for r in house.portal.requests if r.path.endswith("/chat/completions")]
    assert len(chats) == 2


def test_a_refused_refresh_says_to_sign_in_again_and_keeps_the_file(house):
    run(house.login())
    before = house.files()
    house.portal.expires_tokens().revokes_refresh()
    with pytest.raises(RefreshRejected) as caught:
        run(house.another().ask("hi"))
    assert caught.value.hint == "%openclaw login --force"
    assert house.files() == before


def test_an_aging_token_is_used_when_it_cannot_be_renewed(house):
    house.portal.token_lifetime(3600)
    run(house.login())
    house.clock.now += 3600 - 100
    house.portal.fails_next("token", 503, "{}").says("still fine")
    assert run(house.another().ask("hi")) == "still fine"


def test_an_expired_token_that_cannot_be_renewed_is_an_error(house):
    house.portal.token_lifetime(3600)
    run(house.login())
    house.clock.now += 4000
    house.portal.fails_next("token", 503, "{}", times=None)
    with pytest.raises(ServiceUnavailable):
        run(house.another().ask("hi"))


def test_a_token_born_expired_is_not_renewed_for_every_question(house):
    run(house.login())
    house.portal.token_lifetime(10).expires_tokens()

    async def ask_often():
        async with house.another() as client:
            for _ in range(5):
                await client.ask("hi")

    run(ask_often())
    assert len(token_requests(house.portal)) == 1


def test_concurrent_requests_share_one_refresh(house):
    house.portal.token_lifetime(3600)
    run(house.login())
    house.clock.now += 3590

    async def ask_at_once():
        async with house.another() as client:
            return await asyncio.gather(*(client.ask("hi") for _ in range(20)))

    assert len(run(ask_at_once())) == 20
    assert len(token_requests(house.portal)) == 1


def test_two_programs_share_one_refresh(house):
    house.portal.token_lifetime(3600)
    run(house.login())
    house.clock.now += 3590

    async def ask_in_both():
        async with house.another() as one, house.another() as two:
            return await asyncio.gather(one.ask("hi"), two.ask("hi"))

    run(ask_in_both())
    assert len(token_requests(house.portal)) == 1


def test_a_refreshed_token_that_cannot_be_stored_is_used_with_a_note(house):
    run(house.login())
    house.portal.expires_tokens()
    client = house.another()

    class Full(type(client._store)):
        def save_profile(self, *_):
            raise DocumentError("the disk is full", path=house.home.auth_profiles)

    client._store.__class__ = Full

    async def ask_twice():
        notices = []
        async with client:
            for _ in range(2):
                notices += [event.text async for event in client.stream("hi") if isinstance(event, Notice)]
        return notices

    notices = run(ask_twice())
    assert len(notices) == 1
    assert "could not be stored" in notices[0]
    assert len(token_requests(house.portal)) == 1


def test_an_interrupted_request_does_not_cancel_a_refresh(house):
    run(house.login())
    house.portal.expires_tokens()
    before = house.profiles()["qwen-portal:default"]

    async def interrupted():
        async with house.another() as client:
            task = asyncio.create_task(client.ask("hi"))
            await until(lambda: token_requests(house.portal))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: house.profiles()["qwen-portal:default"] != before)

    run(asyncio.wait_for(interrupted(), 10))
    assert run(house.another().ask("hi"))


# -- streams and addresses ---------------------------------------------------------------------


def test_a_broken_stream_keeps_the_text_so_far(house):
    run(house.login())
    house.portal.says("one ", "two ", "three").breaks_after(2)
    with pytest.raises(StreamBroken) as caught:
        run(house.another().ask("hi"))
    assert caught.value.partial == "one two "


def test_a_stream_yields_the_pieces_as_they_come(house):
    run(house.login())
    house.portal.says("a", "b", "c")

    async def pieces():
        return [e.text async for e in house.another().stream("hi") if isinstance(e, TextDelta)]

    assert run(pieces()) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "url", ["http://portal.example/v1", "ftp://x/v1", "https://user:pw@portal.qwen.ai/v1"]
)
def test_a_login_never_goes_out_unencrypted(house, url):
    run(house.login())
    house.store.edit_config(
        lambda view: [
            __import__("openclaw_ipython.openclaw.json5.parse", fromlist=["Edit"]).Edit(
                ("models", "providers", "qwen-portal", "baseUrl"), url
            )
        ]
    )
    with pytest.raises(ConfigError):
        house.another().resolve("hi")


@pytest.mark.parametrize("origin", ["http://example.com", "ftp://127.0.0.1", "chat.qwen.ai", "javascript:1"])
def test_the_sign_in_origin_must_be_https_or_this_machine(house, origin):
    house.environ["OPENCLAW_IPYTHON_OAUTH_ORIGIN"] = origin
    with pytest.raises(ConfigError):
        run(house.login(house.another()))


def test_an_own_provider_entry_works_with_a_key_from_the_environment(house):
    house.portal.accepts_key("sk-my-own-key-0001")
    house.environ["MINE_KEY"] = "sk-my-own-key-0001"
    house.write_config(
        {
            "models": {
                "providers": {
                    "mine": {
                        "baseUrl": "http://127.0.0.1:8642/v1",
                        "apiKey": "${MINE_KEY}",
                        "api": "openai-completions",
                        "models": [{"id": "coder-model", "name": "Mine"}],
                    }
                }
            }
        }
    )
    house.portal.says("from mine")
    assert run(house.another().ask("hi", model="mine/coder-model")) == "from mine"


def test_signing_in_to_an_unknown_provider_suggests_a_known_one(house):
    with pytest.raises(UsageError) as caught:
        run(house.login(provider="qwen-portl"))
    assert "qwen-portal" in caught.value.suggestions
