"""Requests adapted to the dialect of the host and the family of the model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.adapt import adapt, has_cache_marks
from openclaw_ipython.chat.adjustments import AdjustedRequest
from openclaw_ipython.chat.dialects import DIALECTS, MARK, PLAIN, dialect_for
from openclaw_ipython.chat.thinking import LEVELS, LOW_BUDGET, MEDIUM_BUDGET, family_of
from openclaw_ipython.chat.types import ChatRequest, Message, ToolCall
from openclaw_ipython.errors import UsageError

DASHSCOPE = DIALECTS["dashscope"]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
HI = (Message("user", "hi"),)
LONG = "long " * 1_000
ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}


def ask(model="qwen3.7-plus", messages=HI, **more):
    return ChatRequest(model, tuple(messages), **more)


def body(request, dialect=DASHSCOPE, family=""):
    return AdjustedRequest(adapt(request, dialect, family).request, dialect.adjustments).body


def extra(request, dialect=DASHSCOPE):
    return dict(adapt(request, dialect).request.extra)


# -- thinking ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("qwen3.8-max-0902", "effort"), ("qwen3.8-flash", "effort"), ("qwen3.7-plus", "hybrid"),
        ("qwen3.5-plus", "hybrid"), ("qwen3-max-2026-01-23", "hybrid"), ("qwen-plus", "hybrid"),
        ("Qwen/Qwen3.5-397B-A17B", "hybrid"), ("qwen3:8b", "hybrid"), ("qwen/qwen3.7-plus", "hybrid"),
        ("accounts/fireworks/models/qwen3p7-plus", "hybrid"), ("qwen3-vl-plus", "hybrid"),
        ("qwen3-coder-plus", "none"), ("qwen3-coder:480b", "none"), ("qwen-vl-max", "none"),
        ("qwen3-30b-a3b-instruct-2507", "none"), ("qwen3-30b-a3b-thinking-2507", "always"), ("qwq-plus", "always"),
        ("deepseek-v4-flash-0731", "deepseek"), ("glm-5.2", "glm"), ("glm-5.1", "hybrid"), ("glm-4.7", "hybrid"),
        ("kimi-k3", "kimi"), ("kimi-k2.7-code", "always"), ("kimi-k2.5", "hybrid"), ("MiniMax-M2.5", "always"),
        ("coder-model", ""), ("llama-4", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_family_is_found_by_the_models_name(model, family):
    assert family_of(model) == family


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("qwen3.7-plus", [OFF, ON, ON | {"thinking_budget": LOW_BUDGET}, ON | {"thinking_budget": MEDIUM_BUDGET}, ON]),
        ("qwen3.8-max", [OFF, ON, *({"reasoning_effort": e} for e in ("low", "medium", "xhigh"))]),
        ("deepseek-v4-pro", [OFF, ON, *(ON | {"reasoning_effort": e} for e in ("high", "high", "max"))]),
        ("glm-5.2", [OFF, ON, *(ON | {"reasoning_effort": e} for e in ("low", "medium", "high"))]),
        ("kimi-k3", [{}, {}, *({"reasoning_effort": e} for e in ("low", "high", "max"))]),
        ("kimi-k2.7-code", [{}] * 5),
        ("qwen3-coder-plus", [{}] * 5),
    ],
)  # fmt: skip
def test_dashscope_has_fields_for_each_family(model, fields):
    assert [extra(ask(model, thinking=level)) for level in LEVELS] == fields


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name or "plain")
@pytest.mark.parametrize(
    "model", ["qwen3.7-plus", "qwen3.8-max", "deepseek-v4-pro", "glm-5.2", "kimi-k3", "other"]
)
def test_a_budget_and_an_effort_are_never_sent_together(model, dialect, level):
    fields = extra(ask(model, thinking=level), dialect)
    assert not {"thinking_budget", "reasoning_effort"} <= set(fields)


@pytest.mark.parametrize(
    ("name", "model", "fields"),
    [
        ("vllm", "qwen3.6-35b-a3b", [{"chat_template_kwargs": f} for f in (OFF, ON, ON, ON, ON)]),
        ("vllm", "Qwen/Qwen3.8-27B", [{"chat_template_kwargs": f} for f in (
            OFF, ON, ON | {"reasoning_effort": "low"}, ON | {"reasoning_effort": "medium"},
            ON | {"reasoning_effort": "xhigh"})]),
        ("", "qwen3.6-35b-a3b", [{"chat_template_kwargs": f} for f in (OFF, ON, ON, ON, ON)]),
        ("", "gpt-9", [{"reasoning_effort": e} for e in ("none", "medium", "low", "medium", "high")]),
        ("ollama", "qwen3.5:9b", [{"reasoning_effort": e} for e in ("none", "medium", "low", "medium", "high")]),
        ("openrouter", "qwen/qwen3.7-plus", [
            {"reasoning": {"effort": "none"}}, {"reasoning": {"enabled": True}},
            *({"reasoning": {"effort": e}} for e in ("low", "medium", "high"))]),
        ("modelscope", "Qwen/Qwen3.5-397B-A17B", [
            OFF, ON, ON | {"thinking_budget": LOW_BUDGET}, ON | {"thinking_budget": MEDIUM_BUDGET}, ON]),
    ],
)  # fmt: skip
def test_other_hosts_have_their_own_fields(name, model, fields):
    assert [extra(ask(model, thinking=level), DIALECTS[name]) for level in LEVELS] == fields


@pytest.mark.parametrize(
    ("model", "level", "says"),
    [
        ("qwen3-coder-plus", "on", "does not think"),
        ("qwen3-coder-plus", "off", None),
        ("kimi-k2.7-code", "off", "always thinks"),
        ("kimi-k2.7-code", "high", "no levels"),
        ("kimi-k2.7-code", "on", None),
        ("kimi-k3", "off", "always thinks"),
    ],
)
def test_a_level_the_model_does_not_have_is_noted_and_not_sent(model, level, says):
    made = adapt(ask(model, thinking=level), DASHSCOPE)
    assert made.request.extra == {}
    assert [note for note in made.notes if says and says in note] == list(made.notes)
    assert bool(made.notes) == bool(says)


def test_the_family_of_the_providers_table_wins_over_the_name():
    made = adapt(ask("qwen3-coder-plus", thinking="on"), DASHSCOPE, "hybrid")
    assert made.request.extra == ON


@pytest.mark.parametrize(
    "typed", [{"enable_thinking": True}, {"thinking_budget": 7}, {"reasoning_effort": "low"}]
)
def test_thinking_fields_of_the_user_are_sent_alone(typed):
    assert extra(ask(extra=typed, thinking="off")) == typed


def test_an_unknown_level_is_a_usage_error_with_a_suggestion():
    with pytest.raises(UsageError) as caught:
        adapt(ask(thinking="hihg"), DASHSCOPE)
    assert caught.value.suggestions == ("high",)


def test_models_that_think_by_default_get_the_flag_off_where_thinking_is_refused():
    assert extra(ask(stream=False)) == OFF
    assert extra(ask(extra={"tool_choice": "required"})) == OFF | {"tool_choice": "required"}
    assert extra(ask(extra={"tool_choice": "auto"})) == {"tool_choice": "auto"}
    assert extra(ask("qwen3-coder-plus", stream=False)) == {}
    assert extra(ask(stream=False), PLAIN) == {}


@pytest.mark.parametrize("more", [{"stream": False}, {"extra": {"tool_choice": "required"}}])
def test_thinking_that_the_host_refuses_is_a_usage_error(more):
    with pytest.raises(UsageError):
        adapt(ask(thinking="low", **more), DASHSCOPE)
    adapt(ask(thinking="off", **more), DASHSCOPE)
    adapt(ask(thinking="low", **more), DIALECTS["ollama"])


@pytest.mark.parametrize(
    ("model", "level", "temperature", "sent"),
    [
        ("qwen3.8-max", None, 0.2, 0.6),
        ("qwen3.8-max", "low", 0.2, 0.6),
        ("qwen3.8-max", "off", 0.2, 0.2),
        ("qwen3.8-max", None, 0.9, 0.9),
        ("qwen3.8-max", None, None, None),
        ("qwen3.7-plus", None, 0.2, 0.2),
    ],
)
def test_qwen_3_8_thinks_at_a_temperature_of_at_least_0_6(model, level, temperature, sent):
    made = adapt(ask(model, thinking=level, temperature=temperature), DASHSCOPE)
    assert made.request.temperature == sent
    assert bool(made.notes) == (sent != temperature)


def test_earlier_thinking_is_sent_only_to_models_that_take_it():
    turns = [*HI, Message("assistant", "4", reasoning="2+2"), Message("user", "more")]
    assert body(ask("qwen3.8-max", turns))["messages"][1]["reasoning_content"] == "2+2"
    assert body(ask("deepseek-v4-pro", turns))["messages"][1]["reasoning_content"] == "2+2"
    assert "reasoning_content" not in body(ask("qwen3.7-plus", turns))["messages"][1]


# -- messages ------------------------------------------------------------------------------


def test_system_messages_become_one_in_front():
    turns = [Message("developer", "a"), *HI, Message("system", "b"), Message("assistant", "ok")]
    sent = body(ask(messages=turns))["messages"]
    assert [m["role"] for m in sent] == ["system", "user", "assistant"]
    assert sent[0]["content"] == "a\n\nb"


def test_system_messages_of_parts_are_joined_as_parts():
    parts = [{"type": "text", "text": "a"}]
    sent = body(ask(messages=[Message("system", parts), Message("system", "b"), *HI]))["messages"]
    assert sent[0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


def test_a_plain_host_gets_the_messages_unchanged_unless_the_model_is_qwens():
    turns = [*HI, Message("developer", "a")]
    assert [m["role"] for m in body(ask("gpt-9", turns), PLAIN)["messages"]] == ["user", "developer"]
    assert [m["role"] for m in body(ask("qwen3:8b", turns), PLAIN)["messages"]] == ["system", "user"]


def test_glm_gets_text_in_parts_as_one_text_unless_there_are_tools():
    turns = [Message("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])]
    assert body(ask("glm-5", turns))["messages"][0]["content"] == "a\n\nb"
    with_tools = ask("glm-5", turns, extra={"tools": [{"type": "function"}]})
    assert isinstance(body(with_tools)["messages"][0]["content"], list)
    assert isinstance(body(ask("qwen3.7-plus", turns))["messages"][0]["content"], list)


def test_images_of_tool_results_follow_in_a_user_message():
    turns = [
        *HI,
        Message("tool", [{"type": "text", "text": "done"}, PICTURE]),
        Message("tool", [PICTURE]),
        Message("assistant", "ok"),
    ]
    sent = body(ask(messages=turns))["messages"]
    assert [m["role"] for m in sent] == ["user", "tool", "tool", "user", "assistant"]
    assert sent[1]["content"] == [{"type": "text", "text": "done"}]
    assert sent[2]["content"]
    assert sent[3]["content"] == [PICTURE, PICTURE]


def test_the_portal_gets_a_marked_system_message_first():
    portal = dialect_for("https://portal.qwen.ai/v1", "portal")
    mark = {"cache_control": {"type": "ephemeral"}}
    assert body(ask("coder-model"), portal)["messages"][0] == {
        "role": "system",
        "content": [{"type": "text", "text": ""} | mark],
    }
    with_system = body(ask("coder-model", [Message("system", "brief"), *HI]), portal)["messages"]
    assert with_system[0]["content"] == [{"type": "text", "text": "brief"} | mark]
    assert len(with_system) == 2


# -- fields --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("coder-model", True), ("qwen-vl-max", True), ("qwen3-vl-plus", True), ("qwen3.5-plus", True),
        ("qwen3.7-plus-2026", True), ("qwen3.8-max", False), ("qwen3.6-flash", False), ("kimi-k2.5", False),
    ],
)  # fmt: skip
def test_high_resolution_is_requested_only_with_an_image_and_a_model_that_has_it(model, sent):
    pictured = [Message("user", [{"type": "text", "text": "?"}, PICTURE])]
    assert extra(ask(model, pictured)).get("vl_high_resolution_images", False) is sent
    assert "vl_high_resolution_images" not in extra(ask(model))
    assert "vl_high_resolution_images" not in extra(ask(model, pictured), PLAIN)


def test_stream_options_without_a_stream_are_left_out_and_noted():
    made = adapt(ask(stream=False, extra={"stream_options": {}}), DIALECTS["modelscope"])
    assert "stream_options" not in made.request.extra
    assert made.notes


@pytest.mark.parametrize(
    ("model", "kept"), [("qwen3.7-plus", True), ("glm-5", False), ("deepseek-v4-pro", False)]
)
def test_metadata_reaches_only_qwens_own_models(model, kept):
    assert ("metadata" in extra(ask(model, extra={"metadata": {}}))) is kept


def marks(request, dialect=DASHSCOPE):
    made = adapt(request, dialect).request
    found = [
        n for n, m in enumerate(made.messages) if not isinstance(m.content, str) and "cache_control" in m.content[-1]
    ]  # fmt: skip
    assert bool(found) == ("X-DashScope-CacheControl" in made.headers)
    return found


@pytest.mark.parametrize(
    ("turns", "marked"),
    [
        (HI, []),
        ([Message("user", LONG)], []),  # asked once: keeping it would only cost
        ([Message("system", LONG), *HI], [0]),
        ([Message("system", "short"), Message("user", LONG)], []),
        ([Message("user", LONG), Message("assistant", "a"), *HI], [2]),
        ([Message("system", "s"), Message("user", LONG), Message("assistant", "a"), *HI], [0, 3]),
        ([*HI, Message("assistant", "a"), *HI], []),  # too short to be kept
    ],
)
def test_the_prompt_cache_is_used_where_it_can_save_money(turns, marked):
    assert marks(ask(messages=turns)) == marked


def test_only_streams_of_qwen_models_on_dashscope_have_cache_marks():
    turns = [Message("system", LONG), *HI]
    assert marks(ask(messages=turns), PLAIN) == []
    assert marks(ask(messages=turns, stream=False)) == []
    assert marks(ask("glm-5", turns)) == []


RUBRIC = "Label the text by the rubric. " * 150  # 1,125 tokens
MARKED = [{"type": "text", "text": RUBRIC, **MARK}, {"type": "text", "text": "hi"}]


def row(*messages, shared=RUBRIC, model="qwen3.7-plus", dialect=DASHSCOPE):
    asked = ChatRequest(model, messages, stream=False, shared=shared)
    return adapt(asked, dialect).request


@pytest.mark.parametrize(
    ("messages", "shared", "contents"),
    [
        ([Message("user", RUBRIC + "hi")], RUBRIC, [MARKED]),
        ([Message("user", RUBRIC)], RUBRIC, [MARKED[:1]]),
        ([Message("user", "short: hi")], "short: ", ["short: hi"]),
        ([Message("user", "hi" + RUBRIC)], RUBRIC, ["hi" + RUBRIC]),  # the row begins otherwise
        ([Message("system", RUBRIC), *HI], "", [[MARKED[0]], "hi"]),
        ([Message("system", RUBRIC), Message("user", "x: hi")], "x: ",
         [RUBRIC, [{"type": "text", "text": "x: ", **MARK}, MARKED[1]]]),
        # what is too short alone is long enough together
        ([Message("system", RUBRIC[:3_000]), Message("user", RUBRIC[:1_500] + "hi")], RUBRIC[:1_500],
         [RUBRIC[:3_000], [{"type": "text", "text": RUBRIC[:1_500], **MARK}, MARKED[1]]]),
        # a picture in front is not shared, the system message is
        ([Message("system", RUBRIC), Message("user", [PICTURE, *MARKED[1:]])], RUBRIC,
         [[MARKED[0]], [PICTURE, *MARKED[1:]]]),
        # the round after an answer that did not fit
        ([Message("user", RUBRIC + "hi"), Message("assistant", "a"), *HI], RUBRIC, [MARKED, "a", "hi"]),
    ],
)  # fmt: skip
def test_what_rows_share_is_marked_for_the_prompt_cache(messages, shared, contents):
    made = row(*messages, shared=shared)
    assert [m.content for m in made.messages] == contents
    assert ("X-DashScope-CacheControl" in made.headers) == has_cache_marks(made.messages)


def test_marks_are_sent_where_the_host_takes_them():
    asked = Message("user", RUBRIC + "hi")
    router = row(asked, model="qwen/qwen3.7-plus", dialect=DIALECTS["openrouter"])
    assert (router.messages[0].content, router.headers) == (MARKED, {})
    for model, dialect in (("qwen3.7-plus", PLAIN), ("qwen3:8b", DIALECTS["ollama"]), ("glm-5", DASHSCOPE)):
        assert row(asked, model=model, dialect=dialect).messages == (asked,)


def test_the_users_own_cache_marks_stay():
    own = Message("system", [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}])
    made = adapt(ask(messages=[own, Message("user", LONG), Message("assistant", "a"), *HI]), DASHSCOPE)
    assert made.request.messages[0] is own
    assert made.request.messages[-1].content == "hi"


def test_the_last_tool_is_marked_with_the_conversation():
    turns = [Message("system", LONG), *HI]
    tools = [{"type": "function", "function": {"name": "a"}}, {"type": "function", "function": {"name": "b"}}]
    sent = extra(ask(messages=turns, extra={"tools": tools}))["tools"]
    assert ["cache_control" in tool for tool in sent] == [False, True]
    assert "cache_control" not in tools[1]


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name or "plain")
def test_no_dialect_claims_another_client(dialect):
    made = adapt(ask(messages=[Message("system", LONG), *HI]), dialect).request
    assert not {name.lower() for name in made.headers} & {
        "user-agent",
        "authorization",
        "x-dashscope-useragent",
    }


roles = st.sampled_from(["system", "developer", "user", "assistant", "tool"])
contents = st.one_of(
    st.text(max_size=20), st.lists(st.sampled_from([{"type": "text", "text": "x"}, PICTURE]), max_size=3)
)


@given(
    st.lists(st.builds(Message, roles, contents), max_size=8),
    st.sampled_from([d for d in DIALECTS.values() if d.strict]),
    st.sampled_from(["qwen3.7-plus", "glm-5", "qwen3.8-max", "other"]),
)
def test_any_request_has_one_system_message_in_front_and_loses_no_image(turns, dialect, model):
    sent = body(ask(model, turns), dialect)["messages"]
    assert "developer" not in [m["role"] for m in sent]
    assert "system" not in [m["role"] for m in sent[1:]]

    def images(messages):
        return sum(part.get("type") == "image_url" for c in messages if not isinstance(c, str) for part in c)

    assert images([m["content"] for m in sent]) == images([m.content for m in turns])


# -- the form of the answer ----------------------------------------------------------------

NAMED = {"name": "Bird", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]


@pytest.mark.parametrize(
    ("name", "model", "kind"),
    [
        ("", "gpt-9", "json_schema"),
        ("openrouter", "qwen/qwen3.7-plus", "json_schema"),
        ("fireworks", "accounts/fireworks/models/qwen3p7-plus", "json_schema"),
        ("ollama", "qwen3:8b", "json_schema"),
        ("lmstudio", "qwen3-8b", "json_schema"),
        ("vllm", "Qwen/Qwen3-8B", "json_schema"),
        ("modelscope", "Qwen/Qwen3-8B", "json_object"),
        ("portal", "coder-model", "json_object"),
        ("dashscope", "qwen3-coder-plus", "json_object"),
        ("dashscope", "qwen3.7-plus", None),  # it may think, and is then refused or goes astray
        ("dashscope", "qwen3.8-max", None),
        ("dashscope", "kimi-k3", None),
    ],
)
def test_each_host_has_its_own_response_format(name, model, kind):
    sent = body(ask(model, schema=NAMED), DIALECTS[name]).get("response_format")
    assert (sent["type"] if sent else None) == kind
    if kind == "json_schema":
        assert sent["json_schema"] == NAMED


@pytest.mark.parametrize("model", ["qwen3.7-plus", "qwen3.8-max", "deepseek-v4-pro"])
def test_dashscope_gets_a_response_format_without_thinking(model):
    assert body(ask(model, schema=NAMED, thinking="off"))["response_format"] == {"type": "json_object"}
    made = adapt(ask(model, schema=NAMED, thinking="on"), DASHSCOPE).request
    assert "response_format" not in made.extra


def test_a_request_with_tools_has_no_response_format():
    may = ask("gpt-9", schema=NAMED, extra={"tools": TOOLS})
    must_not = ask("gpt-9", schema=NAMED, extra={"tools": TOOLS, "tool_choice": "none"})
    assert "response_format" not in body(may, PLAIN)
    assert body(must_not, PLAIN)["response_format"]["type"] == "json_schema"


def test_the_users_own_response_format_stays():
    own = {"type": "text"}
    made = adapt(ask("gpt-9", schema=NAMED, extra={"response_format": own}), PLAIN).request
    assert made.extra["response_format"] == own


def test_messages_keep_their_tool_calls_in_every_dialect():
    call = ToolCall("call_1", "f", "{}")
    turns = [
        Message("user", "hi"),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "5", tool_call_id="call_1"),
        Message("system", "be brief"),
    ]
    for dialect in DIALECTS.values():
        sent = body(ask("glm-5", messages=turns, extra={"tools": TOOLS}), dialect)
        roles = {turn["role"]: turn for turn in sent["messages"]}
        assert roles["assistant"]["tool_calls"] == [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ]
        assert roles["assistant"]["content"] is None
        assert roles["tool"]["tool_call_id"] == "call_1"
