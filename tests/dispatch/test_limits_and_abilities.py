"""What a server tells of its models is used, and what nobody tells stays unknown: limits, pictures, unknown names."""

import asyncio
import base64
import json
import os

import pytest
from picky import KEY, PickyHost, openai, when

import openclaw_ipython as oc
from openclaw_ipython.chat.types import Message, Notice
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.errors import RequestRejected, ServiceUnavailable
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
SEEN = [Message("user", [PICTURE, {"type": "text", "text": "what is this?"}])]
SIGN_IN = "%openclaw login --provider modelstudio"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EYES = {"id": "eyes", "input": ["text", "image"]}


def run(work):
    return asyncio.run(asyncio.wait_for(work, 30))


def client(house, host):
    runtime = Runtime(house.environ, house.clock, house.clock, house.clock.sleep, lambda: 0.0, os.urandom)
    store = Store(house.home, runtime)
    return Client(
        store=store, providers=built_in(), transport=host.transport(), runtime=runtime, journal=False
    )


def configure(house, *models, default="own/big", **providers):
    entry = {"baseUrl": "https://own.example/v1", "api": "openai-completions"}
    entries = {"own": entry | {"apiKey": KEY, "models": [{"id": "big"}, *models]}}
    house.write_config(
        {
            "models": {"providers": entries | {name: entry | more for name, more in providers.items()}},
            "agents": {"defaults": {"model": {"primary": default}}},
        }
    )


def ask(house, host, prompt="hi", **options):
    async def asking():
        notes = []
        async with client(house, host) as asked:
            async for event in asked.stream(prompt, **options):
                notes += [event.text] if isinstance(event, Notice) else []
        return notes

    return run(asking())


# -- B6: limits ----------------------------------------------------------------------------

LISTED = [
    ({"id": "Qwen/Qwen3-0.6B", "max_model_len": 1_024}, {"contextWindow": 1_024}),
    ({"id": "qwen3.gguf", "meta": {"n_ctx": 4_096, "n_ctx_train": 40_960}}, {"contextWindow": 4_096}),
    (
        {"id": "gpt-x", "max_input_tokens": 9_000, "max_output_tokens": 700},
        {"contextWindow": 9_000, "maxTokens": 700},
    ),
    ({"id": "Qwen/Qwen3-0.6B"}, {}),
]


@pytest.mark.parametrize(("row", "limits"), LISTED)
def test_b6_a_local_login_writes_the_limits_that_the_server_tells_and_no_others(house, row, limits):
    host = PickyHost(listing=[row])
    run(client(house, host).login_locally("vllm"))
    (entry,) = house.config()["models"]["providers"]["vllm"]["models"]
    assert {k: v for k, v in entry.items() if k in {"contextWindow", "maxTokens", "input"}} == limits


@pytest.mark.parametrize(("row", "limits"), LISTED)
def test_b6_a_refreshed_list_shows_them(house, row, limits):
    configure(house, {"id": row["id"]}, default=f"own/{row['id']}")
    host = PickyHost(listing=[row])
    asked = client(house, host)
    run(asked.refresh_models("own"))
    target = asked.models.target(asked.models.default())
    assert target.model.context_window == limits.get("contextWindow", target.model.context_window)
    assert target.limit == limits.get("maxTokens")


def test_b6_litellm_states_the_limits_beside_its_list(house):
    configure(house)
    facts = {"max_input_tokens": 9_000, "max_output_tokens": 700, "supports_vision": True, "max_tokens": None}
    info = [{"model_name": "big", "litellm_params": {"model": "openai/x"}, "model_info": facts}]
    plain = {"id": "big", "max_input_tokens": 9_000}
    for host, stated in (
        (PickyHost(info=info), (9_000, 700, True)),
        (PickyHost(info=info, listing=[plain]), (9_000, 700, True)),
        (PickyHost(info=[], listing=[plain]), (9_000, None, None)),
        (PickyHost(), (0, None, None)),
    ):
        asked = client(house, host)
        run(asked.refresh_models("own"))
        target = asked.models.target(asked.models.default())
        sees = asked.models.reads_images(asked.models.default())
        assert (target.model.context_window, target.limit, sees) == stated


def test_b6_an_answer_is_limited_to_what_the_service_allows(house):
    configure(house)
    host = PickyHost(listing=[{"id": "big", "max_output_tokens": 700}])
    run(client(house, host).refresh_models("own"))
    assert "own/big answers with at most 700 tokens" in ask(house, host, max_tokens=5_000)
    assert host.accepted[0]["max_tokens"] == 700


def test_lists_of_earlier_releases_which_had_invented_limits_are_not_read(house):
    configure(house)
    house.home.catalogue.parent.mkdir(parents=True)
    row = {
        "id": "big", "name": "big", "input": ["text"], "contextWindow": 128_000, "maxTokens": 8_192,
        "reasoning": False, "thinking": "",
    }  # fmt: skip
    stored = {"own": {"baseUrl": "https://own.example/v1", "fetchedAt": 1, "models": [row]}}
    house.home.catalogue.write_text(json.dumps({"version": 1, "providers": stored}))
    models = client(house, PickyHost()).models
    assert models.target(models.default()).limit is None
    assert models.reads_images(models.default()) is None


# -- B7: pictures --------------------------------------------------------------------------


@pytest.mark.parametrize("refreshed", [False, True])
def test_b7_a_picture_is_sent_where_nobody_says_what_the_model_reads(house, refreshed):
    configure(house)
    host = PickyHost(listing=[{"id": "big", "max_model_len": 1_024}])
    if refreshed:
        run(client(house, host).refresh_models("own"))
    assert ask(house, host, SEEN) == []
    assert host.accepted[0]["messages"][0]["content"][0] == PICTURE


def test_b7_a_picture_is_not_sent_where_the_server_says_that_it_reads_text_only(house):
    configure(house)
    host = PickyHost(listing=[{"id": "big", "capabilities": ["completion"]}])
    run(client(house, host).refresh_models("own"))
    with pytest.raises(oc.ConfigError, match="own/big reads text only") as caught:
        ask(house, host, SEEN)
    assert caught.value.hint == SIGN_IN  # nothing with a login reads pictures
    assert host.bodies == []


PICTURE_REFUSALS = [
    (500, {"error": {"code": 500, "message": "image input is not supported - hint: if this is unexpected, you may need "
                     "to provide the mmproj", "type": "server_error"}}),
    (400, {"object": "error", "message": "big is not a multimodal model", "type": "BadRequestError", "code": 400}),
    (400, {"object": "error", "message": "At most 0 image(s) may be provided in one prompt.", "code": 400}),
    openai("Invalid content type. image_url is only supported by certain models.", code=None),
    openai("Failed to deserialize the JSON body into the target type: messages[0]: unknown variant `image_url`, "
           "expected `text`", code="invalid_request_error"),
    (404, {"error": {"message": "No endpoints found that support image input", "code": 404}}),
]  # fmt: skip


@pytest.mark.parametrize("refusal", PICTURE_REFUSALS)
@pytest.mark.parametrize("signed_in", [False, True])
def test_b7_a_refused_picture_names_only_a_model_with_a_login(house, refusal, signed_in):
    far = {"models": [EYES], **({"apiKey": KEY} if signed_in else {})}
    configure(house, far=far)
    host = PickyHost(when(lambda body: isinstance(body["messages"][0]["content"], list), refusal))
    with pytest.raises((RequestRejected, ServiceUnavailable)) as caught:
        ask(house, host, SEEN)
    assert caught.value.hint == ("%openclaw models set-image far/eyes" if signed_in else SIGN_IN)


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("on_error", ["value", "raise"])
def test_b7_a_row_whose_picture_is_refused_has_the_hint_of_a_cell(house, signed_in, on_error):
    configure(house, far={"models": [EYES], **({"apiKey": KEY} if signed_in else {})})
    rule = when(lambda body: isinstance(body["messages"][-1]["content"], list), PICTURE_REFUSALS[1])
    host = PickyHost(rule)
    rows = [{"name": name, "shot": shot} for name, shot in (("a", None), ("b", PNG), ("c", None))]
    options = {
        "progress": False,
        "table": False,
        "resume": False,
        "concurrency": 1,
        "client": client(house, host),
    }
    try:
        (error,) = oc.map(rows, "{name}", images="shot", on_error=on_error, **options).errors.values()
    except RequestRejected as raised:
        error = raised
    assert error.hint == ("%openclaw models set-image far/eyes" if signed_in else SIGN_IN)
    assert len(host.accepted) == (2 if on_error == "value" else 1)


# -- B11: unknown models -------------------------------------------------------------------

UNKNOWN = [
    (400, {"error": {"message": "/chat/completions: Invalid model name passed in model=helo. Call `/v1/models` to view "
                     "available models for your key.", "type": "invalid_request_error", "param": None, "code": "400"}}),
    (404, {"object": "error", "message": "The model `helo` does not exist.", "type": "NotFoundError", "code": 404}),
    (400, {"object": "error", "message": "Invalid model: helo", "type": "invalid_model", "code": "1500"}),
    openai("Model Not Exist", code="invalid_request_error"),
    (400, {"error": {"message": "helo is not a valid model ID", "code": 400}}),
    (400, {"error": {"code": "unknown_model", "message": "Unknown model: helo"}}),
    (400, {"error": {"message": "Invalid model 'helo'. Permitted models are in the documentation.", "code": 400}}),
    openai("The requested model 'helo' does not exist", code="model_not_found"),
]  # fmt: skip


@pytest.mark.parametrize("refusal", UNKNOWN)
@pytest.mark.parametrize("door", ["ask", "map"])
def test_b11_an_unknown_model_has_one_hint_and_near_names_whatever_the_status(house, refusal, door):
    configure(house, {"id": "hello"}, {"id": "helo"})
    host = PickyHost(when(lambda body: body["model"] == "helo", refusal))
    asked = client(house, host)
    with pytest.raises(RequestRejected, match=r"^not found: .*did you mean own/hello\?") as caught:
        if door == "ask":
            oc.ask("hi", model="own/helo", client=asked)
        else:
            oc.map(["a", "b"], model="own/helo", client=asked, progress=False, resume=False)
    assert caught.value.hint == "%openclaw models list"


@pytest.mark.parametrize("refusal", UNKNOWN)
def test_b11_a_fallback_answers_for_an_unknown_model(house, refusal):
    configure(house, {"id": "helo"}, default="own/helo")
    config = house.config()
    config["agents"]["defaults"]["model"]["fallbacks"] = ["own/big"]
    house.write_config(config)
    host = PickyHost(when(lambda body: body["model"] == "helo", refusal))
    assert ask(house, host) == ["own/helo: no such model there; answered by own/big"]


@pytest.mark.parametrize(
    "words",
    [
        "This model's tool calling is not supported",
        "stream_options: the model does not support it",
        "model big: image input is not supported by this server",
        "model streaming is not supported",
        "the model could not read the picture: 404 page not found at https://pictures.example/1.png",
    ],
)
def test_other_refusals_about_a_model_are_not_about_its_name(house, words):
    configure(house)
    host = PickyHost(when(lambda _: True, openai(words, code=None)))
    with pytest.raises(RequestRejected, match=r"^the service refused"):
        ask(house, host)
