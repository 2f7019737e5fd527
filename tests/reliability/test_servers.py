"""Servers as people have them: private hosts, wrong base URLs, models that load, servers that are off, refused keys.

Each through the doors that a user has: `Client.ask` with and without a stream, and `oc.map`.
"""

import asyncio

import httpx
import pytest

from openclaw_ipython.batch.mapping import map_items
from openclaw_ipython.chat.stream import announced
from openclaw_ipython.chat.types import Notice, TextDelta
from openclaw_ipython.client import Client
from openclaw_ipython.errors import (
    ConfigError,
    LoginRequired,
    RequestRejected,
    ServiceUnavailable,
    StreamBroken,
)
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in
from openclaw_ipython.sanitize.secrets import Secret

LAN = "http://192.168.7.2:11434/v1"
HERE = "http://127.0.0.1:8123/v1"
ANSWER = {"choices": [{"message": {"content": "Paris."}, "finish_reason": "stop"}]}


def answers(request):
    return httpx.Response(200, json=ANSWER)


@pytest.fixture
def client(house):
    """Makes clients of `models.providers.mine` at an address, which a handler answers for."""

    def make(handler, base_url=HERE, provider="mine", policy=None, **fields):
        entry = {
            "baseUrl": base_url,
            "api": "openai-completions",
            "models": [{"id": "m", "name": "m"}],
            **fields,
        }
        house.write_config({"models": {"providers": {provider: entry}}})
        runtime = house.client.runtime
        return Client(
            store=Store(house.home, runtime),
            providers=built_in(),
            transport=httpx.MockTransport(handler),
            runtime=runtime,
            retry_policy=policy,
        )

    return make


async def _ask(client, **options):
    async with client:
        events = [event async for event in client.stream("Capital?", model="mine/m", **options)]
    return [event for event in events if isinstance(event, Notice)]


def ask(client, **options):
    return asyncio.run(_ask(client, **options))


def by_map(client, **options):
    """The error of a row of `oc.map`, raised."""
    return map_items(["Capital?"], model="mine/m", client=client, progress=False, on_error="raise", **options)


DOORS = [
    pytest.param(ask, id="stream"),
    pytest.param(lambda client: ask(client, stream=False), id="no stream"),
    pytest.param(by_map, id="map"),
]


# -- private hosts ------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [LAN, "http://gpu:8000/v1", "http://gpu.local/v1", "http://my_host:8000/v1"])
def test_a_server_in_a_private_network_is_asked_over_http_and_that_is_said_once(client, url):
    seen = []
    one = client(lambda request: seen.append(str(request.url)) or answers(request), url)
    first, second = one.resolve("Capital?", model="mine/m"), one.resolve("And?", model="mine/m")
    assert first.notes == ("mine is asked over http, not encrypted",)
    assert second.notes == ()
    assert [note.text for note in ask(client(lambda r: seen.append(str(r.url)) or answers(r), url))] == [
        *first.notes
    ]
    assert seen == [f"{url}/chat/completions"]


@pytest.mark.parametrize("url", [HERE, "https://192.168.7.2/v1"])
def test_nothing_is_said_about_this_machine_and_about_https(client, url):
    assert client(answers, url, apiKey="sk-made-up-0123456789").resolve("Hi", model="mine/m").notes == ()


@pytest.mark.parametrize(
    "url", ["http://host.example/v1", "http://8.8.8.8/v1", "http://192.168.7.2.example/v1"]
)
@pytest.mark.parametrize("door", DOORS)
def test_a_public_host_is_not_asked_over_http(client, url, door):
    seen = []
    with pytest.raises(ConfigError, match="neither https nor on this machine or in a private network"):
        door(client(lambda r: seen.append(r) or answers(r), url, apiKey="sk-made-up-0123456789"))
    assert seen == []


def test_the_token_of_a_sign_in_never_goes_to_a_private_host_over_http(house):
    asyncio.run(house.login())
    config = house.config()
    config["models"]["providers"]["qwen-portal"]["baseUrl"] = LAN
    house.write_config(config)
    before = len(house.portal.requests)
    with pytest.raises(ConfigError, match="the token of a sign-in goes over https only"):
        asyncio.run(house.another().ask("Capital?", model="qwen-portal/coder-model"))
    assert len(house.portal.requests) == before


def test_a_pasted_token_does_not_go_there_either(client):
    one = client(answers, LAN)
    one.logins.add_key("mine", "manual", "token", Secret("made-up-token-0123456789"))
    with pytest.raises(ConfigError, match="token of a sign-in"):
        one.resolve("Capital?", model="mine/m")


def test_an_answer_of_a_portal_on_this_machine_does_not_move_the_token_to_another_port(house):
    house.portal.resource_url("http://127.0.0.1:9999/v1")
    outcome = asyncio.run(house.login())
    assert outcome.base_url == "http://127.0.0.1:8642/v1"  # where the sign-in was
    assert outcome.notes


@pytest.mark.parametrize(
    "named",
    [
        "http://127.0.0.1:8643/v1",
        "http://localhost:8642/v1",
        "http://[::1]:8642/v1",
        "https://127.0.0.1:8642",
    ],
)
def test_another_origin_of_this_machine_is_refused(house, named):
    house.portal.resource_url(named)
    assert asyncio.run(house.login()).base_url == "http://127.0.0.1:8642/v1"


@pytest.mark.parametrize(
    "named", ["http://127.0.0.1:8642/v1", "http://127.0.0.1:8642", "http://127.0.0.1:8642/api/v1"]
)
def test_the_origin_of_the_portal_is_taken(house, named):
    house.portal.resource_url(named)
    assert asyncio.run(house.login()).base_url.startswith("http://127.0.0.1:8642/")


# -- base URLs without the service ---------------------------------------------------------------


def server(*, at="/v1", missing="404 page not found", listing=200):
    """A server with its paths below `at`, which refuses all others with the text `missing`."""

    def handle(request):
        if request.url.path == f"{at}/models":
            return httpx.Response(
                listing, json={"data": [{"id": "m"}]} if listing == 200 else {"error": "key"}
            )
        if request.url.path == f"{at}/chat/completions":
            return answers(request)
        return httpx.Response(404, text=missing)

    return handle


@pytest.mark.parametrize(
    ("typed", "right", "problem"),
    [
        ("http://127.0.0.1:8123", HERE, "lacks /v1"),
        ("http://127.0.0.1:8123/", HERE, "lacks /v1"),
        (f"{HERE}/chat/completions", HERE, "ends with a path"),
        (f"{HERE}/models", HERE, "ends with a path"),
        ("http://127.0.0.1:8123/chat/completions", HERE, "ends with a path"),
        ("http://127.0.0.1:8123/api/v2", HERE, "lacks /v1"),
    ],
)
@pytest.mark.parametrize("door", DOORS)
def test_a_wrong_base_url_is_named_with_the_command_that_corrects_it(
    client, house, typed, right, problem, door
):
    one = client(server(), typed)
    with pytest.raises(RequestRejected, match=problem) as caught:
        door(one)
    assert typed.rstrip("/") in str(caught.value)
    assert caught.value.hint == f"%openclaw config set models.providers.mine.baseUrl {right}"
    *_, path, value = caught.value.hint.split()
    house.client.settings.set(path, value)
    assert house.client.models.target(house.client.models.resolve("mine/m")).base_url == right


@pytest.mark.parametrize(
    "missing", ["404 page not found", '{"detail": "Not Found"}', "<html>not here</html>", ""]
)
@pytest.mark.parametrize("listing", [200, 401])
def test_it_is_found_however_the_server_says_it_and_with_a_list_that_wants_a_key(client, missing, listing):
    with pytest.raises(RequestRejected, match="lacks /v1"):
        ask(client(server(missing=missing, listing=listing), "http://127.0.0.1:8123"))


def test_where_nothing_is_found_the_address_is_named(client):
    with pytest.raises(RequestRejected, match=r"nothing is served below http://127.0.0.1:8123/x "):
        ask(client(lambda _: httpx.Response(404, text="404 page not found"), "http://127.0.0.1:8123/x"))


def test_no_login_is_sent_where_the_list_is_looked_for(client):
    seen = []

    def handle(request):
        seen.append((request.url.path, request.headers.get("authorization", "")))
        return httpx.Response(404)

    with pytest.raises(RequestRejected):
        ask(client(handle, "http://127.0.0.1:8123", apiKey="sk-made-up-0123456789"))
    assert [path for path, login in seen if login] == ["/chat/completions"]


def test_a_model_that_does_not_exist_is_no_wrong_address(client):
    body = {"error": {"message": "The model `m` does not exist.", "code": "model_not_found"}}
    with pytest.raises(RequestRejected, match="not found: The model"):
        ask(client(lambda _: httpx.Response(404, json=body)))


def test_the_list_of_models_names_a_wrong_base_url_too(client):
    async def refresh():
        async with client(server(), "http://127.0.0.1:8123") as one:
            await one.refresh_models("mine")

    with pytest.raises(RequestRejected, match="lacks /v1") as caught:
        asyncio.run(refresh())
    assert caught.value.hint.endswith(HERE)


# -- servers that load, are silent or off --------------------------------------------------------


def stalls(status, times):
    """Refuses `times` requests as llama.cpp does while it loads, then answers."""
    left = [times]

    def handle(request):
        if left[0]:
            left[0] -= 1
            error = {"error": {"message": "Loading model", "type": "unavailable_error", "code": status}}
            return httpx.Response(status, json=error)
        return answers(request)

    return handle


@pytest.mark.parametrize("times", [1, 50])
def test_a_local_server_that_says_it_is_loading_is_waited_for(client, times, house):
    notes = ask(client(stalls(503, times)))
    assert {(note.text, note.seconds) for note in notes} == {("mine may be loading the model…", 0)}
    assert house.clock.slept == [1.0] * times


def test_a_service_elsewhere_is_tried_as_often_as_ever(client):
    with pytest.raises(ServiceUnavailable, match="Loading model"):
        ask(client(stalls(503, 50), "https://host.example/v1", apiKey="sk-made-up-0123456789"))


def test_the_silence_of_a_local_server_is_said_and_ends_with_its_answer():
    async def late():
        await asyncio.sleep(0.05)
        yield TextDelta("Paris.")
        yield TextDelta("!")

    async def collect(after):
        return [event async for event in announced(late(), (after, "it may be loading"))]

    slow, quick = asyncio.run(collect(0.01)), asyncio.run(collect(5))
    assert slow == [Notice("it may be loading", 0), TextDelta("Paris."), TextDelta("!")]
    assert quick == slow[1:]


@pytest.mark.parametrize("kind", ["empty", "error", "closed"])
def test_an_announced_answer_ends_as_it_would_have(kind):
    ended = []

    async def events():
        try:
            if kind == "error":
                raise ServiceUnavailable("down")
            if kind == "closed":
                await asyncio.Event().wait()
        finally:
            ended.append(kind)
        if kind == "never":
            yield

    async def run():
        stream = announced(events(), (0.01, "loading"))
        if kind == "closed":
            assert await anext(stream) == Notice("loading", 0)
            await stream.aclose()
        else:
            assert [event async for event in stream] == []

    if kind == "error":
        with pytest.raises(ServiceUnavailable):
            asyncio.run(run())
    else:
        asyncio.run(run())
    assert ended == [kind]


@pytest.mark.parametrize(
    ("base_url", "timeout", "limit"),
    [
        (HERE, None, None),  # a local server may load for as long as it takes
        (LAN, None, None),
        ("https://host.example/v1", None, 120.0),
        ("https://host.example/v1", 600.0, 600.0),
    ],
)
def test_how_long_the_first_byte_may_take(client, base_url, timeout, limit):
    seen = []

    def handle(request):
        seen.append(request.extensions["timeout"]["read"])
        return answers(request)

    ask(client(handle, base_url, apiKey="sk-made-up-0123456789"), timeout=timeout)
    assert seen == [limit]


def test_a_service_that_does_not_begin_says_how_to_wait_longer(client):
    def handle(request):
        raise httpx.ReadTimeout("silent", request=request)

    with pytest.raises(ServiceUnavailable, match="did not begin to answer within 120 s") as caught:
        ask(client(handle, "https://host.example/v1", apiKey="sk-made-up-0123456789"))
    assert "--timeout 600" in caught.value.hint


def slow(house, *, before, inside):
    """Streams an answer: comments for `before` seconds, a word, comments for `inside` seconds, a word and the end."""

    async def body():
        for seconds, text in ((before, "Par"), (inside, "is.")):
            for _ in range(int(seconds // 15)):
                house.clock.now += 15
                yield b": ping\n\n"
            yield b'data: {"choices": [{"index": 0, "delta": {"content": "%b"}}]}\n\n' % text.encode()
        yield b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'

    return lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body())


@pytest.mark.parametrize(
    ("url", "before", "inside", "ends"),
    [
        (HERE, 3600, 90, "whole"),
        (LAN, 3600, 90, "whole"),
        (HERE, 3600, 150, "no data for 120 s"),  # loaded, and then silent
        ("https://host.example/v1", 90, 90, "whole"),
        ("https://host.example/v1", 150, 0, "no data for 120 s"),
    ],
)
def test_only_the_first_word_of_a_local_server_may_take_its_time(client, house, url, before, inside, ends):
    one = client(slow(house, before=before, inside=inside), url, apiKey="sk-made-up-0123456789")
    if ends == "whole":
        assert asyncio.run(one.ask("Capital?", model="mine/m")) == "Paris."
    else:
        with pytest.raises(StreamBroken, match=ends) as caught:
            asyncio.run(one.ask("Capital?", model="mine/m"))
        assert "--timeout 600" in caught.value.hint


def off(request):
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize("provider", [p.id for p in built_in().values() if p.local])
def test_a_server_that_is_off_is_named_with_what_starts_it(client, provider):
    local = built_in()[provider]
    one = client(off, local.base_url or HERE, provider=provider)
    with pytest.raises(ServiceUnavailable, match=f"{provider} cannot be reached") as caught:
        asyncio.run(one.ask("Capital?", model=f"{provider}/m"))
    assert caught.value.hint == local.local.start


def test_an_own_entry_that_is_off_shows_where_its_address_stands(client):
    with pytest.raises(ServiceUnavailable) as caught:
        ask(client(off))
    assert "%openclaw models status shows it" in caught.value.hint


# -- keys that are refused ---------------------------------------------------------------------


def wants_a_key(request):
    if request.headers.get("authorization") == "Bearer sk-made-up-0123456789":
        return answers(request)
    return httpx.Response(401, json={"error": {"message": "Invalid API Key", "type": "authentication_error"}})


@pytest.mark.parametrize("door", DOORS)
def test_a_401_of_an_own_entry_without_a_key_names_that_entry(client, door):
    one = client(wants_a_key)
    with pytest.raises(LoginRequired) as caught:
        door(one)
    assert caught.value.hint == "%openclaw models auth add --provider mine"
    one.logins.add_key("mine", "manual", "api_key", Secret("sk-made-up-0123456789"))  # what the command does
    ask(one)


@pytest.mark.parametrize("provider", ["vllm", "ollama"])
def test_a_local_server_that_wants_a_key_takes_one(client, provider):
    one = client(wants_a_key, provider=provider)
    with pytest.raises(LoginRequired) as caught:
        asyncio.run(one.ask("Capital?", model=f"{provider}/m"))
    assert caught.value.hint == f"%openclaw models auth add --provider {provider}"
    one.logins.add_key(provider, "manual", "api_key", Secret("sk-made-up-0123456789"))
    assert asyncio.run(one.ask("Capital?", model=f"{provider}/m")) == "Paris."


@pytest.mark.parametrize(
    ("refusal", "severity", "said"),
    [
        (
            httpx.Response(401, json={"error": {"message": "Incorrect API key provided"}}),
            "error",
            "Incorrect API key",
        ),
        (
            httpx.Response(402, json={"error": {"message": "Insufficient balance"}}),
            "error",
            "Insufficient balance",
        ),
        (httpx.Response(403, json={"error": {"message": "blocked"}}), "error", "blocked"),
    ],
)
def test_the_check_up_with_a_probe_reports_a_refused_key(client, refusal, severity, said):
    def handle(request):
        return (
            refusal
            if request.url.path.endswith("/chat/completions")
            else httpx.Response(200, json={"data": []})
        )

    async def examine():
        async with client(handle, apiKey="sk-made-up-0123456789") as one:
            one.models.set_default("mine/m")
            return await one.doctor.examine(probe=True)

    found = [finding for finding in asyncio.run(examine()) if finding.check == "probe"]
    assert [(finding.severity, said in finding.what) for finding in found] == [(severity, True)]
    assert "mine" in found[0].fix
    assert "sk-made-up" not in repr(found)


def test_the_check_up_with_a_probe_is_silent_about_a_key_that_works(client):
    def handle(request):
        return wants_a_key(request) if request.method == "POST" else httpx.Response(200, json={"data": []})

    async def examine():
        async with client(handle, apiKey="sk-made-up-0123456789") as one:
            one.models.set_default("mine/m")
            return await one.doctor.examine(probe=True)

    assert [f for f in asyncio.run(examine()) if f.check in {"probe", "endpoint"}] == []
