"""Failover over keys, profiles and fallback models, with the practice portal as every service."""

import asyncio
import io
import json
import os
import re

import pytest

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.stream import RetryPolicy
from openclaw_ipython.chat.types import Answering, Notice, TextDelta
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.errors import (
    ConfigError,
    LoginRequired,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    StreamBroken,
)
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in
from openclaw_ipython.shell.render.renderer import TerminalSurface
from openclaw_ipython.shell.render.renderers.plain import PlainRenderer

pytestmark = pytest.mark.filterwarnings("error")

CHAT = "chat/completions"
BUSY = {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}
UNPAID = {"error": {"code": "Arrearage", "message": "no balance"}}
PORTAL = "qwen-portal/coder-model"
BIG = {"id": "big", "name": "Big"}
A, B, C = ("sk-made-up-key-000A", "sk-made-up-key-000B", "sk-made-up-key-000C")


def run(work):
    return asyncio.run(asyncio.wait_for(work, 30))


def own(base_url="https://own.example/v1", **entry):
    return {"baseUrl": base_url, "api": "openai-completions", "models": [BIG]} | entry


def config(*fallbacks, primary=PORTAL, providers=None, **more):
    return {
        "models": {"providers": providers if providers is not None else {"own": own(apiKey=A)}},
        "agents": {"defaults": {"model": {"primary": primary, "fallbacks": list(fallbacks)}}},
    } | more


def key_profile(key, provider="own", **more):
    return {"type": "api_key", "provider": provider, "key": key} | more


@pytest.fixture
def place(house):
    """A home with a service of the user besides the portal, and clients that do not retry."""
    house.portal.offers("big").accepts_key(A).accepts_key(B).accepts_key(C)
    house.asked = lambda: [r for r in house.portal.requests if r.path.endswith(CHAT)]
    house.impatient = lambda: impatient(house)
    house.stats = lambda: json.loads(house.home.auth_profiles.read_text("utf-8")).get("usageStats", {})
    return house


def impatient(house):
    runtime = Runtime(house.environ, house.clock, house.clock, house.clock.sleep, lambda: 0.0, os.urandom)
    store = Store(house.home, Runtime(house.environ, clock=house.clock))
    return Client(
        store=store,
        providers=built_in(),
        transport=house.portal.transport(),
        runtime=runtime,
        retry_policy=RetryPolicy(retries=0),
    )


def signed_in(house, settings):
    """Sign in to the portal, then write what the person has besides."""
    run(house.login())
    merged = house.config()
    merged["models"]["providers"] |= settings["models"]["providers"]
    merged["agents"]["defaults"]["model"] = settings["agents"]["defaults"]["model"]
    house.write_config(merged | {k: v for k, v in settings.items() if k not in ("models", "agents")})


def write_profiles(house, profiles, **more):
    house.home.auth_profiles.parent.mkdir(parents=True, exist_ok=True)
    document = {"version": 1, "profiles": profiles} | more
    house.home.auth_profiles.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def ask(house, client=None, **options):
    """The reply and the notes about it."""

    async def asking():
        notes = []
        asked = client or house.impatient()
        question = asked.resolve("hi", **options)
        collector = Collector(str(question.ref), 0.0)
        async for event in asked.stream(question):
            collector.add(event, 0.0)
            if isinstance(event, Notice):
                notes.append(event.text)
        return collector.reply(0.0), notes

    return run(asking())


# -- fallback models ---------------------------------------------------------------------------


def test_a_fallback_answers_for_a_rate_limited_default_with_a_note(place):
    signed_in(place, config("own/big"))
    place.portal.fails_next(CHAT, 429, BUSY).says("from big")
    reply, notes = ask(place)
    assert reply == "from big"
    assert reply.model == "own/big"
    assert notes == ["qwen-portal/coder-model: too many requests; answered by own/big"]
    assert [r.json()["model"] for r in place.asked()] == ["coder-model", "big"]
    assert place.asked()[-1].bearer() == A


def test_ask_names_the_model_that_answered(place):
    signed_in(place, config("own/big"))
    place.portal.fails_next(CHAT, 429, BUSY)
    assert run(place.impatient().ask("hi")).model == "own/big"


def test_the_answering_model_is_named_before_the_first_text(place):
    signed_in(place, config("own/big"))
    place.portal.fails_next(CHAT, 429, BUSY).says("from ", "big")

    async def events():
        return [e async for e in place.impatient().stream("hi") if not hasattr(e, "usage")]

    kinds = [type(event) for event in run(events())]
    assert kinds[:4] == [Answering, Notice, TextDelta, TextDelta]


def test_the_footer_names_the_answering_model_and_the_reason(place):
    signed_in(place, config("own/big"))
    place.portal.fails_next(CHAT, 429, BUSY).says("from big")
    screen = io.StringIO()
    renderer = PlainRenderer(TerminalSurface(screen), lambda: 0.0)
    renderer.start(PORTAL)

    async def show():
        collector = Collector(PORTAL, 0.0)
        async for event in place.impatient().stream("hi"):
            collector.add(event, 0.0)
            renderer.update([event])
        renderer.finish(collector.reply(0.0))

    run(show())
    answer, footer = screen.getvalue().splitlines()
    assert answer == "from big"
    assert footer.startswith("(own/big · ")
    assert footer.endswith("qwen-portal/coder-model: too many requests; answered by own/big)")


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (429, BUSY, "too many requests"),
        (402, UNPAID, "quota or balance used up"),
        (503, "", "not reachable or failing"),
        (404, {"error": {"code": "model_not_found", "message": "no"}}, "no such model there"),
        (403, {"error": {"code": "Model.AccessDenied", "message": "no"}}, "access refused"),
        (401, "", "login not accepted"),
        (200, "<html>", "no proper answer"),
    ],
)
def test_failures_of_a_model_lead_to_a_fallback(place, status, body, why):
    signed_in(place, config("own/big"))
    place.portal.fails_next(CHAT, status, body, times=2 if status == 401 else 1)
    reply, notes = ask(place)
    assert reply.model == "own/big"
    assert notes == [f"qwen-portal/coder-model: {why}; answered by own/big"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"code": "invalid_parameter", "message": "no"}}),
        (400, {"error": {"code": "data_inspection_failed", "message": "no"}}),
        (413, ""),
        (422, ""),
    ],
)
def test_failures_of_the_request_are_raised_at_once(place, status, body):
    signed_in(place, config("own/big"))
    place.portal.fails_next(CHAT, status, body)
    with pytest.raises(RequestRejected):
        ask(place)
    assert len(place.asked()) == 1


def test_there_is_no_failover_after_the_first_text(place):
    signed_in(place, config("own/big"))
    place.portal.says("one ", "two").breaks_after(1)
    with pytest.raises(StreamBroken) as caught:
        ask(place)
    assert caught.value.partial == "one "
    assert len(place.asked()) == 1


def test_a_named_model_has_no_fallbacks(place):
    signed_in(place, config("own/big"))
    place.portal.fails_next(CHAT, 429, BUSY)
    with pytest.raises(RateLimited):
        ask(place, model=PORTAL)
    assert len(place.asked()) == 1


def test_without_a_login_for_the_default_the_fallback_answers_with_a_note(place):
    place.write_config(config("own/big"))
    reply, notes = ask(place)
    assert reply.model == "own/big"
    assert notes == ["qwen-portal/coder-model: no login; answered by own/big"]
    assert place.client.resolve("hi").requested_model.provider == "qwen-portal"


def test_a_fallback_that_is_not_set_up_is_left_out(place):
    signed_in(place, config("nowhere/x", "modelstudio/y", "own/big"))
    place.portal.fails_next(CHAT, 429, BUSY)
    assert ask(place)[0].model == "own/big"


def test_when_every_route_fails_the_first_error_names_the_others(place):
    signed_in(place, config("own/big"))
    place.portal.fails_next(CHAT, 429, BUSY).fails_next(CHAT, 503, "")
    with pytest.raises(RateLimited) as caught:
        ask(place)
    assert "too many requests: slow down" in str(caught.value)
    assert "also tried: own/big: not reachable or failing" in str(caught.value)
    assert caught.value.status == 429


def test_a_fallback_by_the_same_login_is_tried_when_nothing_else_is_there(place):
    signed_in(place, config("qwen-portal/vision-model"))
    place.portal.fails_next(CHAT, 429, BUSY)
    reply, notes = ask(place)
    assert reply.model == "qwen-portal/vision-model"
    assert notes == ["qwen-portal/coder-model: too many requests; answered by qwen-portal/vision-model"]


def test_a_fallback_by_another_login_comes_before_one_by_a_login_that_just_failed(place):
    signed_in(place, config("qwen-portal/vision-model", "own/big"))
    place.portal.fails_next(CHAT, 429, BUSY)
    assert ask(place)[0].model == "own/big"


def test_a_login_that_was_refused_is_not_sent_again_for_another_model(place):
    place.write_config(
        config("own/small", primary="own/big", providers={"own": own(apiKey="sk-unknown-0001")})
    )
    with pytest.raises(LoginRequired):
        ask(place)
    assert len(place.asked()) == 1


def test_a_fallback_by_alias_is_the_model_it_stands_for(place):
    settings = config("BIGGY")
    signed_in(place, settings)
    merged = place.config()
    merged["agents"]["defaults"]["models"] = {"own/big": {"alias": "biggy"}}
    place.write_config(merged)
    place.portal.fails_next(CHAT, 429, BUSY)
    assert ask(place)[0].model == "own/big"


def test_no_secret_is_in_the_notes(place):
    providers = {"own": own(apiKey=A), "third": own("https://third.example/v1", apiKey=B)}
    place.write_config(config("third/big", primary="own/big", providers=providers))
    place.portal.fails_next(CHAT, 429, {"error": {"message": f"key {A} is tired"}})
    _, notes = ask(place)
    assert notes and A not in str(notes) and B not in str(notes)
    place.portal.fails_next(CHAT, 429, {"error": {"message": f"{A} {B}"}}, times=2)
    with pytest.raises(RateLimited) as caught:
        ask(place)
    assert A not in str(caught.value)


def test_a_login_whose_refresh_is_refused_is_replaced_and_left_as_it_is(place):
    signed_in(place, config("own/big"))
    place.portal.expires_tokens().revokes_refresh()
    before = place.files()
    reply, notes = ask(place)
    assert reply.model == "own/big"
    assert notes == ["qwen-portal/coder-model: login not accepted; answered by own/big"]
    assert place.files() == before


# -- what is written down ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error", "record"),
    [
        (429, BUSY, RateLimited, {"failureCounts": {"rate_limit": 1}, "cooldownUntil": 60_000}),
        (
            402,
            UNPAID,
            QuotaExceeded,
            {"failureCounts": {"billing": 1}, "disabledUntil": 5 * 3_600_000, "disabledReason": "billing"},
        ),
        (401, "", LoginRequired, {"failureCounts": {"auth": 1}, "cooldownUntil": 60_000}),
    ],
)
def test_a_failure_is_recorded_as_openclaw_does(place, status, body, error, record):
    run(place.login())
    before = place.profiles()
    place.portal.fails_next(CHAT, status, body, times=2)
    client = place.impatient()
    with pytest.raises(error):
        ask(place, client)
    now = int(place.clock() * 1000)
    until = {key: now + value for key, value in record.items() if key.endswith("Until")}
    assert place.stats() == {"qwen-portal:default": {"errorCount": 1, "lastFailureAt": now} | record | until}
    if status != 401:
        assert place.profiles() == before
    assert not list(place.home.agent_dir.glob("*.lock"))


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_failure_not_caused_by_the_login_is_not_recorded(place, status):
    run(place.login())
    before = place.files()
    place.portal.fails_next(CHAT, status, "")
    with pytest.raises((RequestRejected, ServiceUnavailable)):
        ask(place)
    assert place.files() == before


def test_success_ends_a_cooldown_and_keeps_other_fields(place):
    text = """{
  // by hand
  "version": 1,
  "profiles": { "own:a": { "type": "api_key", "provider": "own", "key": "sk-made-up-key-000A", "note": 1 } },
  "usageStats": {
    "other:x": {"errorCount": 3},
    "own:a": { "errorCount": 2, "cooldownUntil": 1794999999999, "failureCounts": {"timeout": 2}, "theirs": true }
  },
  "later": null
}
"""
    place.write_config(config(primary="own/big", providers={"own": own()}))
    place.home.auth_profiles.parent.mkdir(parents=True)
    place.home.auth_profiles.write_text(text, "utf-8")
    ask(place)
    after = place.home.auth_profiles.read_text("utf-8")
    for kept in (
        "// by hand",
        '"note": 1',
        '"other:x": {"errorCount": 3}',
        '"theirs": true',
        '"later": null',
    ):
        assert kept in after
    assert '"failureCounts"' not in after.replace('"other:x"', "")
    assert '"cooldownUntil"' not in after
    assert '"errorCount": 0' in after


def test_a_successful_request_writes_nothing(place):
    signed_in(place, config("own/big"))
    before = place.files()
    ask(place)
    ask(place, model="own/big")
    assert place.files() == before


def test_a_held_lock_prevents_neither_the_answer_nor_the_cooldown_in_this_process(place):
    signed_in(place, config("own/big"))
    client = place.impatient()
    lock = place.store.profiles_lock()
    assert lock.try_acquire()
    before = place.home.auth_profiles.read_bytes()
    place.portal.fails_next(CHAT, 429, BUSY)
    assert ask(place, client)[0].model == "own/big"
    assert place.home.auth_profiles.read_bytes() == before
    _, notes = ask(place, client)
    assert len(notes) == 1
    assert re.fullmatch(
        r"qwen-portal/coder-model: cooling down for (59|60) s .*; answered by own/big", notes[0]
    )
    lock.release()


def test_a_credentials_file_that_cannot_be_parsed_is_left_alone(place):
    place.write_config(config("own/big"))
    place.home.auth_profiles.parent.mkdir(parents=True)
    place.home.auth_profiles.write_text("{ broken", "utf-8")
    place.portal.fails_next(CHAT, 429, BUSY)
    with pytest.raises(RateLimited):
        ask(place)
    assert place.home.auth_profiles.read_text("utf-8") == "{ broken"


def test_in_a_home_of_the_sqlite_era_failures_go_to_our_own_file(place):
    place.write_config(config(primary="own/big", providers={"own": own()}, meta={"migrations": []}))
    place.home.own_profiles.parent.mkdir(parents=True)
    place.home.own_profiles.write_text(json.dumps({"version": 1, "profiles": {"own:a": key_profile(A)}}))
    place.portal.fails_next(CHAT, 429, BUSY)
    with pytest.raises(RateLimited):
        ask(place)
    written = json.loads(place.home.own_profiles.read_text("utf-8"))
    assert written["usageStats"]["own:a"]["errorCount"] == 1
    assert not place.home.auth_profiles.exists()


def test_a_new_login_starts_without_the_failures_of_the_old_one(place):
    run(place.login())
    place.portal.fails_next(CHAT, 402, UNPAID)
    with pytest.raises(QuotaExceeded):
        ask(place)
    run(place.login(place.impatient()))
    assert place.stats()["qwen-portal:default"] == {"errorCount": 0}
    assert ask(place)[1] == []


# -- rests ---------------------------------------------------------------------------------------


def test_a_default_in_cooldown_is_skipped_before_anything_is_sent(place):
    signed_in(place, config("own/big"))
    place.portal.fails_next(CHAT, 429, BUSY)
    ask(place)
    place.clock.now += 15
    reply, notes = ask(place)
    assert reply.model == "own/big"
    assert notes == [
        "qwen-portal/coder-model: cooling down for 45 s (too many requests); answered by own/big"
    ]
    assert [r.json()["model"] for r in place.asked()] == ["coder-model", "big", "big"]
    place.clock.now += 45
    reply, notes = ask(place)
    assert (reply.model, notes) == (PORTAL, [])
    assert place.stats()["qwen-portal:default"]["errorCount"] == 0


def test_the_only_login_is_used_in_cooldown_too(place):
    run(place.login())
    place.portal.fails_next(CHAT, 429, BUSY)
    with pytest.raises(RateLimited):
        ask(place)
    reply, notes = ask(place)
    assert reply.model == PORTAL
    assert notes == ["qwen-portal:default: cooling down for 60 s (too many requests); used all the same"]


def test_a_cooldown_written_by_openclaw_counts(place):
    signed_in(place, config("own/big"))
    document = json.loads(place.home.auth_profiles.read_text("utf-8"))
    until = int((place.clock() + 7200) * 1000)
    document["usageStats"] = {"qwen-portal:default": {"disabledUntil": until, "disabledReason": "billing"}}
    place.home.auth_profiles.write_text(json.dumps(document), "utf-8")
    _, notes = ask(place)
    assert notes == [
        "qwen-portal/coder-model: cooling down for 120 min (quota or balance used up); answered by own/big"
    ]


def test_the_length_of_a_billing_cooldown_can_be_configured(place):
    signed_in(place, config("own/big", auth={"cooldowns": {"billingBackoffHours": 1}}))
    place.portal.fails_next(CHAT, 402, UNPAID)
    ask(place)
    assert place.stats()["qwen-portal:default"]["disabledUntil"] == int((place.clock() + 3600) * 1000)


# -- several profiles ----------------------------------------------------------------------------


def two_profiles(place, **more):
    place.write_config(config(primary="own/big", providers={"own": own()}, **more))
    write_profiles(place, {"own:a": key_profile(A), "own:b": key_profile(B)})


def test_the_next_profile_answers_for_one_that_fails(place):
    two_profiles(place, auth={"order": {"own": ["own:a", "own:b"]}})
    place.portal.fails_next(CHAT, 429, BUSY)
    reply, notes = ask(place)
    assert [r.bearer() for r in place.asked()] == [A, B]
    assert reply.model == "own/big"
    assert notes == ["own:a: too many requests; answered with own:b"]
    assert place.stats()["own:a"]["failureCounts"] == {"rate_limit": 1}
    assert place.stats()["own:b"]["errorCount"] == 0
    _, notes = ask(place)
    assert place.asked()[-1].bearer() == B
    assert notes == ["own:a: cooling down for 60 s (too many requests); answered with own:b"]
    place.clock.now += 61
    assert ask(place)[1] == []
    assert place.asked()[-1].bearer() == A


@pytest.mark.parametrize(("status", "body"), [(402, UNPAID), (401, "")])
def test_billing_and_login_failures_lead_to_the_next_profile(place, status, body):
    two_profiles(place)
    place.portal.fails_next(CHAT, status, body)
    assert ask(place)[0]
    assert [r.bearer() for r in place.asked()] == [A, B]


def test_profiles_are_tried_before_fallback_models(place):
    two_profiles(place)
    settings = place.config()
    settings["models"]["providers"]["third"] = own("https://third.example/v1", apiKey=C)
    settings["agents"]["defaults"]["model"]["fallbacks"] = ["third/big"]
    place.write_config(settings)
    place.portal.fails_next(CHAT, 429, BUSY, times=2)
    reply, notes = ask(place)
    assert [r.bearer() for r in place.asked()] == [A, B, C]
    assert reply.model == "third/big"
    assert notes == ["own/big: too many requests; answered by third/big"]


def test_an_own_order_beats_the_configured_one(place):
    two_profiles(place, auth={"order": {"own": ["own:a", "own:b"]}})
    write_profiles(
        place, {"own:a": key_profile(A), "own:b": key_profile(B)}, order={"own": ["own:b", "own:a"]}
    )
    ask(place)
    assert place.asked()[-1].bearer() == B


def test_clients_take_different_logins_and_keep_them(place):
    two_profiles(place)
    one = place.impatient()
    ask(place, one)
    place.clock.now += 1
    ask(place, one)
    two = place.impatient()
    ask(place, two)
    place.clock.now += 1
    ask(place, two)
    assert [r.bearer() for r in place.asked()] == [A, A, B, B]


def test_a_profile_whose_mode_the_configuration_denies_is_not_used(place):
    modes = {"own:a": {"provider": "own", "mode": "oauth"}, "own:b": {"provider": "own", "mode": "api_key"}}
    two_profiles(place, auth={"profiles": modes})
    ask(place)
    assert place.asked()[-1].bearer() == B


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (key_profile("qwen-oauth"), "placeholder"),
        ({"type": "token", "provider": "own", "token": A, "expires": 1000}, "its token has expired"),
        (
            {"type": "api_key", "provider": "own", "keyRef": {"source": "env", "id": "NOT_SET"}},
            "the environment variable NOT_SET, which is not set",
        ),
        (
            {"type": "api_key", "provider": "own", "keyRef": {"source": "exec", "provider": "v", "id": "k"}},
            "not run here",
        ),
    ],
)
def test_a_profile_that_cannot_be_sent_is_explained_and_nothing_is_sent(place, profile, why):
    place.write_config(config(primary="own/big", providers={"own": own("https://own.example/v1")}))
    write_profiles(place, {"own:a": profile})
    with pytest.raises(LoginRequired, match=why) as caught:
        ask(place)
    assert "OWN_API_KEY" in caught.value.hint
    assert place.asked() == []


# -- keys ----------------------------------------------------------------------------------------


def test_the_next_key_is_used_for_one_that_is_rate_limited(place):
    place.environ |= {"OWN_API_KEY": A, "OWN_API_KEY_1": B}
    place.write_config(config(primary="own/big"))
    place.portal.fails_next(CHAT, 429, BUSY)
    client = place.impatient()
    reply, notes = ask(place, client)
    assert reply
    assert [r.bearer() for r in place.asked()] == [A, B]
    assert notes == ["the key in OWN_API_KEY: too many requests; answered with the key in OWN_API_KEY_1"]
    ask(place, client)
    assert place.asked()[-1].bearer() == B
    assert not place.home.auth_profiles.exists()


@pytest.mark.parametrize(
    ("status", "body", "error"), [(402, UNPAID, QuotaExceeded), (401, "", LoginRequired)]
)
def test_keys_are_not_rotated_for_anything_else(place, status, body, error):
    place.environ |= {"OWN_API_KEYS": f"{A},{B}"}
    place.write_config(config(primary="own/big", providers={"own": own()}))
    place.portal.fails_next(CHAT, status, body)
    with pytest.raises(error):
        ask(place)
    assert [r.bearer() for r in place.asked()] == [A]


def test_a_quota_that_comes_as_429_rotates(place):
    place.environ |= {"OWN_API_KEYS": f"{A},{B}"}
    place.write_config(config(primary="own/big", providers={"own": own()}))
    place.portal.fails_next(CHAT, 429, {"error": {"code": "insufficient_quota", "message": "used up"}})
    ask(place)
    assert [r.bearer() for r in place.asked()] == [A, B]


def test_a_live_key_is_used_instead_of_everything_else(place):
    two_profiles(place)
    place.environ |= {"OPENCLAW_LIVE_OWN_KEY": C, "OWN_API_KEY": B}
    place.portal.fails_next(CHAT, 429, BUSY)
    with pytest.raises(RateLimited):
        ask(place)
    assert [r.bearer() for r in place.asked()] == [C]


def test_a_profile_fails_over_to_keys_for_rate_limits_only(place):
    two_profiles(place)
    write_profiles(place, {"own:a": key_profile(A)})
    place.environ |= {"OWN_API_KEY": B}
    place.portal.fails_next(CHAT, 429, BUSY)
    ask(place)
    assert [r.bearer() for r in place.asked()] == [A, B]
    place.clock.now += 3600
    place.portal.fails_next(CHAT, 402, UNPAID)
    with pytest.raises(QuotaExceeded):
        ask(place)
    assert place.asked()[-1].bearer() == A


# -- secret references ---------------------------------------------------------------------------


def test_a_key_in_a_file_is_read_when_it_is_used(place):
    folder = place.home.user_home
    secret = folder / "own.key"
    secret.write_text(A + "\n", "utf-8")
    secret.chmod(0o600)
    reference = {"source": "file", "provider": "mine", "id": "value"}
    secrets = {"providers": {"mine": {"source": "file", "path": "~/own.key", "mode": "singleValue"}}}
    place.write_config(config(primary="own/big", providers={"own": own(apiKey=reference)}, secrets=secrets))
    before = place.home.config_path.read_bytes()
    ask(place)
    assert place.asked()[-1].bearer() == A
    secret.write_text(B, "utf-8")
    place.client.models.set_default("own/big")
    ask(place)
    assert place.asked()[-1].bearer() == B
    assert place.home.config_path.read_bytes().count(A.encode()) == before.count(A.encode()) == 0
    assert '"id": "value"' in place.home.config_path.read_text("utf-8")


def test_a_key_that_a_program_would_give_is_explained(place):
    reference = {"source": "exec", "provider": "vault", "id": "own/key"}
    place.write_config(config(primary="own/big", providers={"own": own(apiKey=reference)}))
    with pytest.raises(LoginRequired, match=r"comes from a program .* which is not run here"):
        ask(place)


def test_a_short_reference_is_a_variable(place):
    place.environ["ELSEWHERE"] = C
    place.write_config(config(primary="own/big", providers={"own": own(apiKey="$ELSEWHERE")}))
    ask(place)
    assert place.asked()[-1].bearer() == C


# -- limits, catalogs, allowlist -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "asked", "sent", "notes"),
    [
        ({"models": [BIG | {"maxTokens": 100}]}, 500, 100, ["own/big answers with at most 100 tokens"]),
        ({"models": [BIG | {"maxTokens": 100}]}, 100, 100, []),
        ({"models": [BIG], "maxTokens": 70}, 71, 70, ["own/big answers with at most 70 tokens"]),
        ({"models": [BIG | {"maxTokens": 100}], "maxTokens": 70}, 90, 90, []),
        ({"models": [BIG]}, 8000, 8000, []),
        ({"models": []}, 8000, 8000, []),
    ],
)
def test_an_answer_is_limited_to_what_the_configuration_says(place, entry, asked, sent, notes):
    place.write_config(config(primary="own/big", providers={"own": own(apiKey=A) | entry}))
    _, notices = ask(place, max_tokens=asked)
    assert place.asked()[-1].json()["max_tokens"] == sent
    assert notices == notes


def test_each_model_is_asked_for_what_it_can_give(place):
    signed_in(place, config("own/big", providers={"own": own(apiKey=A, models=[BIG | {"maxTokens": 50}])}))
    place.portal.fails_next(CHAT, 429, BUSY)
    ask(place, max_tokens=8000)
    assert [r.json()["max_tokens"] for r in place.asked()] == [8000, 50]


def test_a_model_outside_the_allowlist_can_be_named(place):
    settings = config(primary="own/big")
    settings["agents"]["defaults"]["models"] = {"anthropic/x": {}}
    place.write_config(settings)
    assert ask(place, model="own/big")[0]


CATALOG = {"providers": {"derived": own("https://derived.example/v1", apiKey=A), "own": own(models=[BIG])}}


def test_a_service_that_only_the_derived_catalog_has_is_kept_in_merge_mode(place):
    place.write_config(config(primary="own/big", providers={"own": own(apiKey=A, models=[{"id": "one"}])}))
    place.home.models_json.parent.mkdir(parents=True)
    place.home.models_json.write_text(json.dumps(CATALOG), "utf-8")
    assert ask(place, model="derived/big")[0]
    rows = {str(row.ref) for row in place.client.models.rows()}
    assert {"derived/big", "own/big", "own/one"} <= rows


def test_in_replace_mode_the_configuration_alone_decides(place):
    settings = config(primary="own/one", providers={"own": own(apiKey=A, models=[{"id": "one"}])})
    settings["models"]["mode"] = "replace"
    place.write_config(settings)
    place.home.models_json.parent.mkdir(parents=True)
    place.home.models_json.write_text(json.dumps(CATALOG), "utf-8")
    assert {str(row.ref) for row in place.client.models.rows()} == {"own/one"}
    with pytest.raises(ConfigError):
        place.client.resolve("hi", model="derived/big")


def test_a_stale_address_in_the_derived_catalog_is_not_used(place):
    run(place.login())
    settings = place.config()
    del settings["models"]
    place.write_config(settings)
    place.home.models_json.parent.mkdir(parents=True, exist_ok=True)
    catalog = {"providers": {"qwen-portal": own("https://stale.example/v1")}}
    place.home.models_json.write_text(json.dumps(catalog), "utf-8")
    target = place.client.models.target(place.client.models.resolve(PORTAL))
    assert target.base_url == "https://portal.qwen.ai/v1"


def test_the_fault_of_the_default_model_leads_and_that_of_the_fallback_follows(place):
    """The default has no login, and the fallback, a server on this machine, is not running."""
    document = config(
        "near/big", providers={"near": own("http://127.0.0.1:9/v1")}, primary="modelstudio/qwen-plus"
    )
    place.write_config(document)
    place.portal.drops_next(CHAT, times=None)
    with pytest.raises(LoginRequired) as caught:
        ask(place)
    assert str(caught.value).startswith("no login for modelstudio")
    assert "also tried: near/big: not reachable or failing" in str(caught.value)
    assert caught.value.hint == "%openclaw login --provider modelstudio"
