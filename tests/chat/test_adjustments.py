"""What this package adds to a request is taken back, or put differently, when a host refuses it: the table of words."""

import json
from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picky import (
    LLAMA_CPP_PYTHON_FORMAT,
    LLAMA_CPP_PYTHON_NULL,
    STREAM_ONLY,
    PickyHost,
    has,
    has_role,
    null_content,
    openai,
    pydantic,
    response_format,
    streamed,
    unstreamed,
    when,
)

from openclaw_ipython.chat.adapt import adapt
from openclaw_ipython.chat.adjustments import ADJUSTMENTS, AdjustedRequest, HostMemory
from openclaw_ipython.chat.dialects import DIALECTS, PLAIN
from openclaw_ipython.chat.types import ChatRequest, Message, Notice, ToolCall, UsageReport
from openclaw_ipython.errors import LoginRequired, RateLimited, RequestRejected, ServiceUnavailable

HI = (Message("user", "hi"),)
NAMED = {"name": "Bird", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
CALLED = (
    *HI,
    Message("assistant", "", tool_calls=(ToolCall("call_1", "add", "{}"),)),
    Message("tool", "42", tool_call_id="call_1"),
)
SYSTEM = (Message("system", "Be brief."), *HI)
ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}
FIELD = "response_format"


def plain(dialect=PLAIN, **options):
    return adapt(ChatRequest("big", options.pop("messages", HI), **options), dialect).request


def without(*fields):
    return lambda body: not set(fields) & set(body)


def type_is(kind):
    return lambda body: (body.get(FIELD) or {}).get("type") == kind


def limited(body):
    return body["max_completion_tokens"] == 50 and "max_tokens" not in body


def filled(body):
    return [m["content"] for m in body["messages"]] == ["hi", "", "42"]


def folded(body):
    return body["messages"] == [{"role": "user", "content": "Be brief.\n\nhi"}]


def usageless(body):
    return body["stream"] and "stream_options" not in body


WORDS = {
    # -- stream_options
    "openai: stream_options": ({}, has("stream_options"), openai("Unknown parameter: 'stream_options'."), usageless),
    "mistral: stream_options": (
        {}, has("stream_options"),
        (422, {"object": "error", "message": pydantic("stream_options")[1], "type": "invalid_request_error"}),
        usageless,
    ),
    "fastapi: stream_options": ({}, has("stream_options"), pydantic("stream_options"), usageless),
    "vllm: stream_options": (
        {}, has("stream_options"),
        (400, {"object": "error", "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': "
               "'Extra inputs are not permitted', 'input': {'include_usage': True}}]", "code": 400}), usageless,
    ),
    "azure: stream_options": (
        {}, has("stream_options"), openai("Unrecognized request argument supplied: stream_options", code=None),
        usageless,
    ),
    "gateway: stream_options in words alone": (
        {}, has("stream_options"), (500, b"json: unknown field \"stream_options\""), usageless,
    ),
    # -- max_tokens
    "openai: max_tokens": (
        {"max_tokens": 50}, has("max_tokens"),
        openai("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
               "instead.", param="max_tokens"), limited,
    ),
    "litellm: max_tokens": (
        {"max_tokens": 50}, has("max_tokens"),
        (400, {"error": {"message": "litellm.UnsupportedParamsError: openai does not support parameters: "
               "['max_tokens'], for model=o1-mini.", "type": "None", "param": "None", "code": "400"}}), limited,
    ),
    "strict gateway: max_tokens": ({"max_tokens": 50}, has("max_tokens"), pydantic("max_tokens"), limited),
    # -- response_format
    "llama-cpp-python: json_schema": (
        {"schema": NAMED}, response_format("json_schema"), LLAMA_CPP_PYTHON_FORMAT, type_is("json_object"),
    ),
    "groq: json_schema": (
        {"schema": NAMED}, response_format("json_schema"),
        openai("This model does not support response format `json_schema`. See supported models at "
               "https://console.groq.com/docs/structured-outputs#supported-models", code=None), type_is("json_object"),
    ),
    "deepseek: json_schema": (
        {"schema": NAMED}, response_format("json_schema"),
        openai("This response_format type is unavailable now", code="invalid_request_error"), type_is("json_object"),
    ),
    "vllm: a schema its grammar cannot hold": (
        {"schema": NAMED}, response_format("json_schema"),
        (400, {"object": "error", "message": "The provided JSON schema contains features not supported by xgrammar.",
               "type": "BadRequestError", "param": None, "code": 400}), type_is("json_object"),
    ),
    "openai: a schema that is not strict": (
        {"schema": NAMED}, response_format("json_schema"),
        openai("Invalid schema for response_format 'Bird': In context=(), 'additionalProperties' is required to be "
               "supplied and to be false.", code=None, param="response_format"), type_is("json_object"),
    ),
    "tgi: grammar": (
        {"schema": NAMED}, has(FIELD),
        (422, {"error": "Input validation error: `grammar` is not supported", "error_type": "validation"}),
        without(FIELD),
    ),
    "together: neither": (
        {"schema": NAMED}, has(FIELD), openai("This model does not support structured output.", code=None),
        without(FIELD),
    ),
    "model studio: json mode while thinking": (
        {"schema": NAMED}, has(FIELD),
        openai("<400> InternalError.Algo.InvalidParameter: Json mode response is not supported when enable_thinking is "
               "true", code="invalid_parameter_error"), without(FIELD),
    ),
    "lenient server: only object": (
        {"schema": NAMED}, response_format("json_schema"),
        openai("'type' must be one of text, json_object, not json_schema"), type_is("json_object"),
    ),
    # -- null content
    "llama-cpp-python: null content": ({"messages": CALLED}, null_content, LLAMA_CPP_PYTHON_NULL, filled),
    "pydantic: null content": (
        {"messages": CALLED}, null_content,
        pydantic("messages", 1, "content", msg="Input should be a valid string", kind="string_type"), filled,
    ),
    "openai: null content": (
        {"messages": CALLED}, null_content,
        openai("Invalid value for 'content': expected a string, got null.", code=None, param="messages.[1].content"),
        filled,
    ),
    "deepseek: missing content": (
        {"messages": CALLED}, null_content,
        openai("Failed to deserialize the JSON body into the target type: messages[1]: missing field `content` at "
               "line 1 column 173"), filled,
    ),
    "tgi: content": (
        {"messages": CALLED}, null_content,
        (422, b"Failed to deserialize the JSON body into the target type: messages[1].content: invalid type: null"),
        filled,
    ),
    "vllm: mistral's tokenizer": (
        {"messages": CALLED}, lambda body: "_" in body["messages"][1]["tool_calls"][0]["id"],
        (400, {"object": "error", "message": "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.",
               "type": "BadRequestError", "code": 400}),
        lambda body: body["messages"][2]["tool_call_id"] == body["messages"][1]["tool_calls"][0]["id"],
    ),
    "mistral: tool call id": (
        {"messages": CALLED}, lambda body: len(body["messages"][2]["tool_call_id"]) != 9,
        (422, {"object": "error", "message": "Tool call id has to be defined: must have length 9", "code": "3280"}),
        lambda body: body["messages"][2]["tool_call_id"].isalnum(),
    ),
    # -- the system role
    "vllm: gemma's template": (
        {"messages": SYSTEM}, has_role("system"),
        (400, {"object": "error", "message": "System role not supported", "type": "BadRequestError", "code": 400}),
        folded,
    ),
    "mistral's template": (
        {"messages": SYSTEM}, has_role("system"), (500, {"error": {
            "code": 500, "message": "Only user and assistant roles are supported!", "type": "server_error"}}), folded,
    ),
    "openai: o1": (
        {"messages": SYSTEM}, has_role("system"),
        openai("Unsupported value: 'messages[0].role' does not support 'system' with this model.",
               code="unsupported_value", param="messages[0].role"), folded,
    ),
    "gemini: gemma": (
        {"messages": SYSTEM}, has_role("system"),
        (400, [{"error": {"code": 400, "message": "Developer instruction is not enabled for models/gemma-3-27b-it",
                          "status": "INVALID_ARGUMENT"}}]), folded,
    ),
    "llama.cpp: roles must alternate": (
        {"messages": SYSTEM}, has_role("system"), (500, {"error": {"code": 500, "message": "Conversation roles must "
            "alternate user/assistant/user/assistant/...", "type": "server_error"}}), folded,
    ),
    "qwen's template: system in front": (
        {"messages": (*SYSTEM, Message("system", "And kind."))},
        lambda body: body["messages"][-1]["role"] == "system",
        (400, {"object": "error", "message": "System message must be at the beginning.", "code": 400}),
        lambda body: [m["content"] for m in body["messages"]] == ["Be brief.\n\nAnd kind.", "hi"],
    ),
    # -- thinking
    "openai: reasoning_effort": (
        {"thinking": "low"}, has("reasoning_effort"),
        openai("Unrecognized request argument supplied: reasoning_effort", code=None), without("reasoning_effort"),
    ),
    "ollama: thinking": (
        {"thinking": "off"}, has("reasoning_effort"), openai("\"llama3.2\" does not support thinking", code=None),
        without("reasoning_effort"),
    ),
    "groq: reasoning_effort": (
        {"thinking": "on"}, has("reasoning_effort"),
        openai("`reasoning_effort` must be one of `none` or `default`", code=None), without("reasoning_effort"),
    ),
    "vllm: chat_template_kwargs": (
        {"thinking": "off", "dialect": DIALECTS["vllm"]}, has("chat_template_kwargs"),
        (400, {"object": "error", "message": "chat_template is not supported for Mistral tokenizers.", "code": 400}),
        without("chat_template_kwargs"),
    ),
    "openrouter: reasoning": (
        {"thinking": "off", "dialect": DIALECTS["openrouter"]}, has("reasoning"),
        openai("Reasoning is mandatory for this endpoint and cannot be disabled.", code=400), without("reasoning"),
    ),
    # -- the stream
    "model studio: stream only": ({"stream": False}, unstreamed, STREAM_ONLY, streamed),
    "gateway: stream only": (
        {"stream": False}, unstreamed, openai("stream must be set to true for this model"), streamed,
    ),
    "fireworks: stream only": (
        {"stream": False, "max_tokens": 9000}, unstreamed,
        openai("Requests with max_tokens > 4096 must have stream=true: streaming is required"), streamed,
    ),
    "openai: unverified": (
        {}, streamed, openai("Your organization must be verified to stream this model.", code="unsupported_value",
                             param="stream"), lambda body: not body["stream"] and "stream_options" not in body,
    ),
    "gateway: no stream": ({}, streamed, openai("Streaming is not supported for this model"), unstreamed),
    # -- the rest
    "openai: temperature": (
        {"temperature": 0.2}, has("temperature"),
        openai("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is "
               "supported.", code="unsupported_value", param="temperature"), without("temperature"),
    ),
    "moonshot: temperature": (
        {"temperature": 0.2},
        has("temperature"), openai("invalid temperature: only 1 is allowed for this model", code=None),
        without("temperature"),
    ),
    "anthropic, bedrock: top_p": (
        {"top_p": 0.2}, has("top_p"), openai("`top_p` is deprecated for this model.", code=None), without("top_p"),
    ),
    "deepseek: tool_choice": (
        {"extra": {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "none"}},
        has("tool_choice"),
        openai("deepseek-reasoner does not support this tool_choice"), without("tool_choice"),
    ),
    "sglang: tool_choice": (
        {"extra": {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "none"}},
        has("tool_choice"),
        pydantic("tool_choice", msg="Input should be 'auto' or 'required'", kind="literal_error"),
        without("tool_choice"),
    ),
    "deepseek: reasoning_content": (
        {"messages": (*HI, Message("assistant", "4", reasoning="2+2"), *HI), "dialect": DIALECTS["dashscope"]},
        lambda body: any("reasoning_content" in m for m in body["messages"]),
        openai("The reasoning_content is an intermediate result and cannot be used in the input", code=None),
        lambda body: len(body["messages"]) == 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("words", WORDS)
def test_a_refused_part_is_taken_back_once_and_remembered(words, clock, answering):
    options, refused, refusal, wanted = WORDS[words]
    dialect = options.get("dialect", PLAIN)
    model = "deepseek-v4" if "reasoning_content" in words else "qwen3.6-x" if dialect.dashscope else "big"
    request = adapt(ChatRequest(model, **{"messages": HI, **_options(options)}), dialect).request
    host = PickyHost(when(refused, refusal))
    line = answering(host._handle)
    memory = HostMemory()

    first = line.ask(request, host_memory=memory)
    assert first.error is None, first.error
    assert wanted(host.accepted[0])
    assert len(host.bodies) <= 3
    assert clock.slept == []
    assert len(first.of(Notice)) <= 1

    again = line.ask(request, host_memory=memory)
    assert again.text == first.text
    assert host.accepted[1] == host.accepted[0]
    assert len(host.bodies) - 2 == len([b for b in host.bodies if refused(b)])
    assert not refused(host.bodies[-1])


def _options(options):
    return {name: value for name, value in options.items() if name != "dialect"}


def test_two_refused_parts_are_taken_back_one_after_the_other(answering):
    host = PickyHost(
        when(has("stream_options"), openai("Unknown parameter: 'stream_options'.")),
        when(
            has("max_tokens"), openai("'max_tokens' is not supported. Use 'max_completion_tokens' instead.")
        ),
        when(response_format("json_schema"), LLAMA_CPP_PYTHON_FORMAT),
    )
    received = answering(host._handle).ask(plain(max_tokens=9, schema=NAMED))
    assert len(host.bodies) == 4
    assert [n.text for n in received.of(Notice)] == [
        "asked again without stream_options, which the service refuses",
        "asked again with max_completion_tokens, as the service wants it",
        'asked again with response_format "json_object", as the service wants it',
    ]
    assert not received.of(UsageReport)


def test_both_response_formats_are_taken_back_with_one_note(answering):
    host = PickyHost(when(has(FIELD), openai("response_format is not supported")))
    received = answering(host._handle).ask(plain(schema=NAMED))
    assert [
        type_is(kind)(b) for kind, b in zip(("json_schema", "json_object", None), host.bodies, strict=True)
    ]
    assert [n.text for n in received.of(Notice)] == [
        "asked again without response_format, which the service refuses"
    ]


def test_a_refusal_in_a_response_with_status_200_counts_as_well(answering):
    host = PickyHost()
    error = b'data: {"error": {"message": "stream_options: extra fields not permitted", "code": 400}}\n\n'

    async def handle(request):
        if "stream_options" in json.loads(request.content):
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=error)
        return await host._handle(request)

    received = answering(handle).ask()
    assert (received.text, received.error) == ("Good.", None)


def test_an_option_of_the_user_that_is_left_out_is_noted_with_every_answer(answering):
    host = PickyHost(when(has("temperature"), openai("'temperature' does not support 0.2 with this model")))
    line, memory = answering(host._handle), HostMemory()
    for _ in range(2):
        received = line.ask(plain(temperature=0.2), host_memory=memory)
        assert [n.text for n in received.of(Notice)] == [
            "temperature was left out: this host does not take it"
        ]
    assert line.ask(plain(), host_memory=memory).of(Notice) == []


def test_what_is_known_of_a_host_holds_for_all_its_models_and_the_rest_for_one(answering):
    memory = HostMemory()
    memory.learn("http://h", "a", ["stream_options", "json_object", "empty content"])
    assert memory.known("http://h", "b") == {"stream_options", "empty content"}
    assert memory.known("http://h", "a") == {"stream_options", "json_object", "empty content"}
    assert memory.known("http://other", "a") == set()


def test_nothing_is_remembered_of_a_request_that_is_refused_all_the_same(answering):
    host = PickyHost(when(lambda _: True, openai("stream_options, max_tokens and all the rest are refused")))
    memory = HostMemory()
    received = answering(host._handle).ask(host_memory=memory)
    assert isinstance(received.error, RequestRejected)
    assert len(host.bodies) == 2
    assert memory.known("http://127.0.0.1:8642/v1/chat/completions", "coder-model") == set()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"extra": {"reasoning_effort": "low"}}, "reasoning_effort is not known"),
        ({"extra": {"response_format": {"type": "json_schema"}}}, "response_format is not supported"),
        ({"extra": {"stream_options": {}}}, "Unknown parameter: stream_options"),
        ({"extra": {"max_completion_tokens": 5}}, "Unsupported parameter: max_completion_tokens"),
        ({"extra": {"temperature": 0.1}}, "temperature is not supported"),
        ({"extra": {"tool_choice": "required"}}, "tool_choice is not supported"),
        ({"thinking": "low"}, "the text is too long"),
        (
            {"max_tokens": 100_000},
            "max_tokens is too large: 100000. This model supports at most 4096 completion tokens",
        ),
        ({"temperature": 3.0}, "temperature must be in [0, 2)"),
        ({}, "Invalid value for 'content': expected a string, got null."),
    ],
)  # fmt: skip
def test_what_the_user_gave_and_what_was_not_sent_stays(options, words, answering):
    host = PickyHost(when(lambda _: True, openai(words, code=None)))
    received = answering(host._handle).ask(plain(**options))
    assert isinstance(received.error, RequestRejected)
    assert len(host.bodies) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(401, LoginRequired), (429, RateLimited), (403, RequestRejected)]
)
def test_a_refused_login_or_rate_is_no_refused_part(status, kind, answering):
    host = PickyHost(when(lambda _: True, openai("stream_options is unknown", status)))
    received = answering(host._handle).ask(retries=0)
    assert type(received.error) is kind
    assert len(host.bodies) == (2 if status == 403 else 1)


def test_a_failure_that_names_nothing_is_retried_as_before(answering, clock):
    failures = iter([(503, {"error": {"message": "busy"}}), None])
    host = PickyHost(
        when(has("stream_options"), openai("no stream_options")), lambda body: next(failures, None)
    )
    received = answering(host._handle).ask()
    assert (received.text, len(host.bodies), clock.slept) == ("Good.", 3, [0.5])


def test_a_server_that_fails_for_good_is_not_asked_more_often(answering):
    host = PickyHost(when(lambda _: True, (500, {"error": {"message": "out of memory"}})))
    received = answering(host._handle).ask()
    assert isinstance(received.error, ServiceUnavailable)
    assert len(host.bodies) == 3


def test_an_answer_streamed_in_place_of_a_whole_one_is_given_at_its_end(answering):
    host = PickyHost(when(unstreamed, STREAM_ONLY), text="One two three.")
    received = answering(host._handle).ask(plain(stream=False))
    assert [n.text for n in received.of(Notice)] == ["streamed, since the service only answers so"]
    texts = [e for e in received.events if hasattr(e, "text") and not isinstance(e, Notice)]
    assert [e.text for e in texts] == ["One two three."]


def test_the_part_of_such_an_answer_that_came_is_not_lost(answering, wire):
    async def handle(request):
        if not json.loads(request.content)["stream"]:
            return httpx.Response(STREAM_ONLY[0], json=STREAM_ONLY[1])
        return httpx.Response(
            200,
            headers={"content-type": "text/event-stream"},
            content=wire.sent(wire.chunk({"content": "One"})),
        )

    received = answering(handle).ask(plain(stream=False))
    assert received.text == "One"
    assert received.error is not None


@pytest.mark.parametrize(
    ("sent", "words", "wanted"),
    [
        (OFF, "The value of the enable_thinking parameter must be set to True.", True),
        (ON, "parameter.enable_thinking must be set to false for this model", False),
    ],
)
def test_a_flag_with_the_wrong_value_is_flipped(sent, words, wanted, answering):
    level = "on" if sent is ON else "off"
    request = adapt(ChatRequest("qwen3.7-plus", HI, thinking=level), DIALECTS["dashscope"]).request
    host = PickyHost(when(lambda b: b.get("enable_thinking") is not wanted, openai(words)))
    received = answering(host._handle).ask(request)
    assert host.accepted[0]["enable_thinking"] is wanted
    assert received.of(Notice)[0].text.startswith("qwen3.7-plus answers only with")


def test_a_model_that_thinks_unless_told_is_told_so_only_without_a_stream(answering):
    words = "parameter.enable_thinking must be set to false for non-streaming calls"
    host = PickyHost(when(lambda b: unstreamed(b) and b.get("enable_thinking") is not False, openai(words)))
    line, memory = answering(host._handle), HostMemory()
    assert line.ask(plain(stream=False), host_memory=memory).error is None
    assert line.ask(plain(), host_memory=memory).error is None
    assert [b.get("enable_thinking") for b in host.accepted] == [False, None]


def test_the_portal_gets_one_revision_with_cache_marks():
    request = adapt(ChatRequest("coder-model", HI), DIALECTS["portal"]).request
    sent = AdjustedRequest(request, dialect="portal")
    assert sent.revise("bad request")
    assert "cache_control" in sent.body["messages"][0]["content"][0]
    assert not sent.revise("bad request")
    assert not AdjustedRequest(request).revise("bad request")


def test_the_limit_of_a_probe_may_be_left_out():
    probe = ChatRequest("gpt-5", HI, max_tokens=1, optional=frozenset({"max_tokens"}))
    sent = AdjustedRequest(probe)
    assert sent.revise("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    assert sent.body["max_completion_tokens"] == 1
    assert sent.revise("Could not finish the message because max_tokens or model output limit was reached.")
    assert "max_completion_tokens" not in sent.body
    theirs = AdjustedRequest(ChatRequest("gpt-5", HI, max_tokens=1))
    assert not theirs.revise(
        "Could not finish the message because max_tokens or model output limit was reached."
    )


requests = st.builds(
    ChatRequest,
    st.just("m"),
    st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant", "tool"]), st.text(max_size=5)),
        max_size=5,
    ).map(tuple),
    temperature=st.none() | st.just(0.5),
    max_tokens=st.none() | st.just(5),
    stream=st.booleans(),
    schema=st.none() | st.just(NAMED),
    thinking=st.none() | st.sampled_from(["off", "low"]),
)


@given(requests, st.lists(st.sampled_from([a.name for a in ADJUSTMENTS])), st.text(max_size=200))
def test_any_adjustments_leave_a_request_with_its_text_and_end(request, known, refusal):
    adapted = adapt(request, PLAIN).request
    sent = AdjustedRequest(adapted, known)
    for _ in range(len(ADJUSTMENTS) + 1):
        if not sent.revise(refusal + " stream_options response_format must be true"):
            break
    else:
        raise AssertionError("no end")
    json.dumps(sent.body)
    text = json.dumps([m["content"] for m in sent.body["messages"]], ensure_ascii=False)
    for message in request.messages:
        assert json.dumps(message.content, ensure_ascii=False)[1:-1] in text
    with suppress(KeyError):
        assert sent.notes() is not None


@pytest.mark.parametrize(
    "refusal",
    [
        "messages.0.content.0.cache_control: Extra inputs are not permitted",
        "Input should be a valid string: messages[0].content must be a string",
    ],
)
def test_marks_for_the_prompt_cache_are_taken_back(refusal):
    tools = [{"type": "function", "function": {"name": "add"}}]
    long = Message("system", "long " * 1_000)
    asked = ChatRequest("qwen3.7-plus", (long, *HI), extra={"tools": tools})
    marked = adapt(asked, DIALECTS["dashscope"]).request
    sent = AdjustedRequest(marked, (), "dashscope")
    assert json.dumps(sent.body).count("cache_control") == 2
    assert sent.revise(refusal)
    assert "cache_control" not in json.dumps(sent.body)
    assert sent.body["messages"][0] == {"role": "system", "content": long.content}
    assert "cache_control" in marked.extra["tools"][0]  # the request stays as it is
    assert sent.learned == ["cache_control"]
