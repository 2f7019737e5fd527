"""OpenClaw's Gateway: where it is, which secret is sent to it, and to whom none is sent."""

import asyncio
import json
import os

import pytest
from scripted_portal import Portal, PracticeGateway

from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.errors import ConfigError, LoginRequired, OpenClawError, StreamBroken
from openclaw_ipython.openclaw.config_view import ConfigView
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in
from openclaw_ipython.providers.openclaw_gateway import endpoint

LOCAL = {"gateway": {"mode": "local", "auth": {"mode": "token", "token": "t-file"}}}
REMOTE = {"gateway": {"mode": "remote", "remote": {"url": "wss://gw.example:444/", "token": "t-remote"}}}


def gateway(config=None, **variables):
    return endpoint(
        ConfigView(config or {}, {f"OPENCLAW_GATEWAY_{name}": v for name, v in variables.items()})
    )


@pytest.mark.parametrize(
    ("config", "variables", "url", "places"),
    [
        ({}, {}, "http://127.0.0.1:18789/v1", []),
        (LOCAL, {}, "http://127.0.0.1:18789/v1", ["gateway.auth.token"]),
        (LOCAL, {"TOKEN": "x"}, "http://127.0.0.1:18789/v1", ["gateway.auth.token", "env: OPENCLAW_GATEWAY_TOKEN"]),
        (LOCAL, {"PASSWORD": "x"}, "http://127.0.0.1:18789/v1", ["gateway.auth.token"]),
        ({"gateway": {"port": 19000}}, {}, "http://127.0.0.1:19000/v1", []),
        ({"gateway": {"port": 19000}}, {"PORT": "19001"}, "http://127.0.0.1:19001/v1", []),
        ({"gateway": {"port": "nonsense"}}, {"PORT": "99999"}, "http://127.0.0.1:18789/v1", []),
        ({"gateway": {"tls": {"enabled": True}}}, {}, "https://127.0.0.1:18789/v1", []),
        (
            {"gateway": {"auth": {"mode": "password", "token": "t", "password": "p"}}}, {},
            "http://127.0.0.1:18789/v1", ["gateway.auth.password"],
        ),
        (REMOTE, {}, "https://gw.example:444/v1", ["gateway.remote.token"]),
        (
            REMOTE, {"TOKEN": "x"}, "https://gw.example:444/v1",
            ["gateway.remote.token", "env: OPENCLAW_GATEWAY_TOKEN"],
        ),
        (LOCAL, {"URL": "ws://127.0.0.1:5/"}, "http://127.0.0.1:5/v1", []),
        (REMOTE, {"URL": "wss://other.example", "PASSWORD": "p"}, "https://other.example/v1",
         ["env: OPENCLAW_GATEWAY_PASSWORD"]),
    ],
)  # fmt: skip
def test_it_is_where_openclaw_says_and_its_secret_is_openclaws(config, variables, url, places):
    found = gateway(config, **variables)
    assert (found.base_url, [place for place, _typed in found.keys]) == (url, places)
    assert found.needs_key


def test_a_gateway_without_authentication_needs_no_secret():
    found = gateway({"gateway": {"auth": {"mode": "none", "token": "t"}}})
    assert (found.keys, found.needs_key) == ((), False)


@pytest.fixture
def portal(clock):
    return PracticeGateway(("main", "helper"), "t-file", clock=clock)


@pytest.fixture
def asked(home, portal, clock):
    """Asks in a home with this configuration."""

    def ask(config, prompt="hello", model="openclaw/main", environ=None, **options):
        home.config_path.parent.mkdir(parents=True, exist_ok=True)
        home.config_path.write_text(json.dumps(config))
        runtime = Runtime(environ or {}, clock, clock, clock.sleep, lambda: 0.0, os.urandom)
        client = Client(store=Store(home, runtime), transport=portal.transport(), runtime=runtime)

        async def once():
            async with client:
                return await client.ask(prompt, model=model, **options)

        return asyncio.run(once())

    return ask


@pytest.mark.parametrize(
    ("token", "environ"),
    [("t-file", {}), ("${GW}", {"GW": "t-file"}), ("$GW", {"GW": "t-file"}),
     ({"source": "env", "provider": "default", "id": "GW"}, {"GW": "t-file"}),
     ({"source": "exec", "id": "x"}, {"OPENCLAW_GATEWAY_TOKEN": "t-file"})],
)  # fmt: skip
def test_the_secret_is_read_where_openclaw_keeps_it_and_nothing_is_written_to_its_file(
    asked, home, token, environ
):
    config = {"gateway": {"mode": "local", "auth": {"mode": "token", "token": token}}}
    assert "not a model" in asked(config, environ=environ)
    assert json.loads(home.config_path.read_text()) == config
    written = [p.read_bytes() for p in home.state_dir.rglob("*") if p.is_file() and p != home.config_path]
    assert not any(b"t-file" in content for content in written)


def test_the_agent_is_named_in_full_and_aliases_lead_to_it(asked, portal):
    config = LOCAL | {"agents": {"defaults": {"models": {"openclaw/helper": {"alias": "me"}}}}}
    assert asked(config, model="me").model == "openclaw/helper"
    assert portal.requests[-1].json()["model"] == "openclaw/helper"


def test_a_model_stands_in_for_a_gateway_that_fails(asked, portal):
    portal.fails_next(
        "chat", 503, {"error": {"message": "m", "type": "service_unavailable", "code": "gateway_unavailable"}}
    )
    model = {"primary": "openclaw/main", "fallbacks": ["openclaw/helper"]}
    reply = asked(LOCAL | {"agents": {"defaults": {"model": model}}}, model=None)
    assert (reply.model, reply.requested_model) == ("openclaw/helper", "openclaw/main")


def test_in_a_session_only_what_is_new_is_sent_and_the_system_message_each_time(asked, portal):
    def nb_double(n: int) -> int:
        return 2 * n

    asked(LOCAL, "use nb_double", tools=[nb_double], system="be brief", extra={"user": "a"})
    first, second = [r.json()["messages"] for r in portal.requests]
    assert [m["role"] for m in first] == ["system", "system", "user"]
    assert '"name": "nb_double"' in first[0]["content"]
    assert 'tool_call {"id": "nb_double", "args": {}}' in first[0]["content"]
    assert [m["role"] for m in second] == ["system", "system", "tool"]


def test_without_a_session_the_whole_conversation_is_sent(asked, portal):
    from openclaw_ipython.chat.types import Message

    turns = [Message("user", "one"), Message("assistant", "two"), Message("user", "three")]
    asked(LOCAL, turns)
    assert [m["content"] for m in portal.requests[-1].json()["messages"]] == ["one", "two", "three"]


def error_body(kind, message="why"):
    return {"error": {"message": message, "type": kind}}


@pytest.mark.parametrize(
    ("status", "body", "said", "hint"),
    [
        (401, error_body("unauthorized"), "the Gateway does not accept the secret", "!openclaw gateway restart"),
        (401, error_body("authentication_error"), "model provider refuses its key: why", "!openclaw models status"),
        (429, error_body("rate_limited"), "the Gateway lets nobody in: why", "wait"),
        (429, error_body("rate_limit_error"), "refuses, after several tries: why", "wait"),
        (502, error_body("api_error"), "the agent's turn failed: why", "!openclaw logs"),
        (404, "Not Found", "endpoint for chat is off", "chatCompletions.enabled true"),
        (400, error_body("invalid_request_error", "invalid tool configuration"), "a tool of its own", "another name"),
        (400, error_body("invalid_request_error", "messages: bad"), "refused (400): messages: bad", ""),
    ],
)  # fmt: skip
def test_errors_are_told_apart_and_nothing_is_sent_twice(asked, portal, clock, status, body, said, hint):
    portal.fails_next("chat", status, body)
    with pytest.raises(OpenClawError, match=said.replace("(", r"\(").replace(")", r"\)")) as caught:
        asked(LOCAL)
    assert hint in caught.value.hint
    assert (len(portal.requests), clock.slept) == (1, [])


def test_an_error_inside_an_answer_is_one_whatever_the_status(asked, portal):
    portal.raw_stream(b'data: {"error":{"message":"internal error","type":"api_error"}}\n\ndata: [DONE]\n\n')
    with pytest.raises(OpenClawError, match="the agent's turn failed: internal error"):
        asked(LOCAL)
    assert len(portal.requests) == 1


def test_a_gateway_that_ends_in_mid_turn_is_not_asked_again(asked, portal):
    portal.says("one ", "two").breaks_after(1)
    with pytest.raises(StreamBroken, match="in the middle of the turn") as caught:
        asked(LOCAL)
    assert caught.value.partial == "one "
    assert "%openclaw gateway" in caught.value.hint


def test_a_silence_of_hours_is_no_broken_connection(home, clock, portal):
    portal.first_turn = 3 * 3600.0
    runtime = Runtime(
        {"OPENCLAW_GATEWAY_TOKEN": "t-file"}, clock, clock, clock.sleep, lambda: 0.0, os.urandom
    )
    client = Client(store=Store(home, runtime), transport=portal.transport(clock.sleep), runtime=runtime)

    async def once():
        async with client:
            return await client.ask("hello", model="openclaw/main")

    assert "not a model" in asyncio.run(once())
    assert clock.slept == [3 * 3600.0]


@pytest.mark.parametrize("url", ["ws://192.168.1.9:18789", "http://gw.example:1234"])
def test_no_secret_goes_to_another_computer_without_encryption(asked, portal, url):
    with pytest.raises(ConfigError, match="goes over https only, or to this machine") as caught:
        asked({}, environ={"OPENCLAW_GATEWAY_URL": url, "OPENCLAW_GATEWAY_TOKEN": "t-file"})
    assert "ssh -N -L" in caught.value.hint
    assert not portal.requests


@pytest.mark.parametrize(
    ("config", "why", "hint"),
    [
        ({}, "no OpenClaw is found on this computer", "npm install -g openclaw"),
        ({"gateway": {"mode": "local"}}, "is not known here", "!openclaw doctor --generate-gateway-token"),
        ({"gateway": {"auth": {"token": "${GW_X}"}}}, "GW_X, which is not set", "getpass.getpass()"),
    ],
)
def test_a_missing_secret_is_told_with_what_gives_it(asked, config, why, hint):
    with pytest.raises(LoginRequired, match=why) as caught:
        asked(config)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("config", "environ", "place"),
    [
        ({}, {"OPENCLAW_GATEWAY_URL": "nonsense"}, "OPENCLAW_GATEWAY_URL"),
        (LOCAL, {"OPENCLAW_GATEWAY_URL": "ws://a b", "OPENCLAW_GATEWAY_TOKEN": "t-file"}, "OPENCLAW_GATEWAY_URL"),
        ({"gateway": {"mode": "remote", "remote": {"url": "ftp://x", "token": "t"}}}, {}, "gateway.remote.url"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_named_by_where_it_stands(asked, portal, config, environ, place):
    with pytest.raises(ConfigError, match=f"^{place} is not an address") as caught:
        asked(config, environ=environ)
    assert "ws://127.0.0.1:18789" in caught.value.hint
    assert not portal.requests


@pytest.mark.parametrize(
    ("environ", "fix"),
    [({}, "npm install -g openclaw"), ({"OPENCLAW_GATEWAY_URL": "nonsense"}, "ws://127.0.0.1:18789")],
)
def test_the_state_says_why_it_cannot_be_asked_at_all(home, clock, environ, fix):
    runtime = Runtime(environ, clock, clock, clock.sleep, lambda: 0.0, os.urandom)
    client = Client(store=Store(home, runtime), transport=Portal().transport(), runtime=runtime)

    async def state():
        async with client:
            return await client.doctor.gateway()

    found = asyncio.run(state())
    assert found.problem[0]
    assert found.fix == found.problem
    assert fix in found.fix[1]


@pytest.mark.skipif(os.name == "nt", reason="a program is a file with a suffix there")
def test_a_program_without_a_configuration_can_make_the_secret(asked, tmp_path):
    program = tmp_path / "openclaw"
    program.touch(0o755)
    with pytest.raises(LoginRequired, match="is not known here") as caught:
        asked({}, environ={"PATH": str(tmp_path)})
    assert caught.value.hint == "!openclaw doctor --generate-gateway-token"


def test_its_secret_is_not_sent_to_an_entry_of_its_name_at_another_address(asked, portal):
    entry = {"baseUrl": "https://other.example/v1", "api": "openai-completions", "models": []}
    with pytest.raises(LoginRequired):
        asked(LOCAL | {"models": {"providers": {"openclaw": entry}}})
    assert not portal.requests


def test_every_fact_has_a_source():
    provider = built_in()["openclaw"]
    assert {"address", "models", "dialect", "variables"} <= set(provider.sources)
