"""Shapes of the answers of hosts: what each sends, streamed and as one document, and what has to be read of it.

Written by hand after documentation, source code and reports of users (2026-11); no recording is copied. Only what
differs from host to host is kept: ids, dates and the like are left out.
"""

import json
from typing import Any, NamedTuple

from openclaw_ipython.errors import (
    OpenClawError,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    StreamBroken,
)

NO_REASON = "the service gave no reason for the end"


class Host(NamedTuple):
    """One answer of a host. `stream` has chunks, or text as it is sent; `document` is None where there is none.

    `calls` are names and arguments; `usage` the counts of input, output, cached and reasoning tokens, and the cost.
    """

    name: str
    stream: list[Any]
    document: Any
    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    usage: tuple[Any, ...] | None = None
    finish: str = "stop"
    model: str = "asked"
    notes: tuple[str, ...] = ()
    error: type[OpenClawError] | None = None
    words: str = ""


def c(delta=None, finish=None, *, index=0, choice=None, **top):
    """A chunk with one choice."""
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish, **(choice or {})}], **top}


def doc(message, finish="stop", *, choice=None, **top):
    """A document with one choice."""
    said = {"role": "assistant", **message}
    return {"choices": [{"index": 0, "message": said, "finish_reason": finish, **(choice or {})}], **top}


def t(text, **more):
    """A delta of text."""
    return c({"content": text, **more})


def usage(prompt, completion, **more):
    """The object `usage`."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        **more,
    }


def call(name, arguments, *, named="call_1", **more):
    """A tool call."""
    return {"id": named, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def streamed(chunks):
    """The bytes of a stream."""
    return "".join(
        chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}\n\n" for chunk in chunks
    ).encode()


ROLE = c({"role": "assistant", "content": ""})
DONE = "data: [DONE]\n\n"
OSLO = '{"city": "Oslo"}'
WEATHER = (("weather", OSLO),)
THOUGHT = "draft: 5?\n"

HOSTS = [
    Host(
        "OpenAI",
        [
            c({"role": "assistant", "content": "", "refusal": None}, obfuscation="x"),
            t("4", annotations=[]),
            c({}, "stop", usage=None, service_tier="default"),
            {"choices": [], "usage": usage(3, 1, prompt_tokens_details={"cached_tokens": 2})},
            DONE,
        ],
        doc(
            {"content": "4", "refusal": None, "annotations": []},
            usage=usage(3, 1, prompt_tokens_details={"cached_tokens": 2}),
        ),
        "4",
        usage=(3, 1, 2, None, None),
    ),
    Host(
        "OpenAI, a snapshot of the model",
        [{**ROLE, "model": "asked-2026-08-06"}, {**t("4"), "model": "asked-2026-08-06"}, c({}, "stop"), DONE],
        doc({"content": "4"}, model="asked-2026-08-06"),
        "4",
        model="asked-2026-08-06",
    ),
    Host(
        "OpenAI, a refusal",
        [
            c({"role": "assistant", "refusal": ""}),
            c({"refusal": "I can't "}),
            c({"refusal": "help."}),
            c({}, "stop"),
            DONE,
        ],
        doc({"content": None, "refusal": "I can't help."}),
        "I can't help.",
        finish="refusal",
    ),
    Host(
        "OpenAI, two calls at once",
        [
            c({"tool_calls": [call("weather", "", index=0)]}),
            c({"tool_calls": [{"index": 0, "function": {"arguments": OSLO}}]}),
            c({"tool_calls": [call("time", "", named="call_2", index=1)]}),
            c({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
            c({}, "tool_calls"),
            DONE,
        ],
        doc(
            {"content": None, "tool_calls": [call("weather", OSLO), call("time", "{}", named="call_2")]},
            "tool_calls",
        ),
        calls=(("weather", OSLO), ("time", "{}")),
        finish="tool_calls",
    ),
    Host(
        "OpenAI, three choices",
        [c({"content": "a"}), c({"content": "b"}, index=1), c({}, "stop"), c({}, "stop", index=1), DONE],
        {
            "choices": [
                {"index": at, "message": {"content": text}, "finish_reason": "stop"}
                for at, text in enumerate("ab")
            ]
        },
        "a",
        notes=("further choices of the answer are not shown",),
    ),
    Host(
        "OpenAI, spoken",
        [c({"audio": {"id": "a", "data": "UklGRg=="}}), c({}, "stop"), DONE],
        doc({"content": None, "audio": {"id": "a", "data": "UklGRg=="}}),
        notes=("not shown of the answer: audio",),
    ),
    Host(
        "Azure OpenAI",
        [
            {"choices": [], "model": "", "prompt_filter_results": [{"prompt_index": 0}]},
            ROLE,
            c({"content": "4"}, choice={"content_filter_results": {"hate": {"filtered": False}}}),
            c({}, "stop"),
            DONE,
        ],
        doc({"content": "4"}, choice={"content_filter_results": {}}, prompt_filter_results=[]),
        "4",
    ),
    Host(
        "Azure OpenAI, filtered",
        [
            t("Par"),
            c({}, "content_filter", choice={"content_filter_results": {"hate": {"filtered": True}}}),
            DONE,
        ],
        doc({"content": "Par"}, "content_filter"),
        "Par",
        finish="content_filter",
    ),
    Host(
        "DashScope, thinking",
        [
            c({"content": None, "reasoning_content": "2 + "}, usage=None),
            c({"content": None, "reasoning_content": "2"}),
            c({"content": "4", "reasoning_content": None}),
            c({"content": "", "reasoning_content": None}, "stop"),
            {"choices": [], "usage": usage(9, 7, completion_tokens_details={"reasoning_tokens": 6})},
            DONE,
        ],
        doc(
            {"content": "4", "reasoning_content": "2 + 2"},
            usage=usage(9, 7, completion_tokens_details={"reasoning_tokens": 6}),
        ),
        "4",
        "2 + 2",
        usage=(9, 7, None, 6, None),
    ),
    Host(
        "DashScope, a call with empty ids",
        [
            c({"content": None, "tool_calls": [call("weather", "", index=0)]}),
            c({"content": None, "tool_calls": [call("", '{"city": ', named="", index=0)]}),
            c({"content": None, "tool_calls": [call(None, '"Oslo"}', named="", index=0)]}),
            c({"content": ""}, "tool_calls"),
            DONE,
        ],
        doc({"content": "", "tool_calls": [call("weather", OSLO, index=0)]}, "tool_calls"),
        calls=WEATHER,
        finish="tool_calls",
    ),
    Host(
        "DashScope, the reason null as a word",
        [c({"content": "4"}, "null"), c({"content": ""}, "stop"), DONE],
        doc({"content": "4"}),
        "4",
    ),
    Host(
        "DashScope, throttled in the middle",
        [
            t("Par"),
            "id:3\nevent:error\n:HTTP_STATUS/429\n"
            'data:{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded"}\n\n',
        ],
        {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded"},
        "Par",
        error=RateLimited,
        words="rate limit exceeded",
    ),
    Host(
        "Qwen portal, an error as the last text",
        [c({"content": "Throttling: slow down"}, "error_finish"), DONE],
        None,
        error=RateLimited,
        words="slow down",
    ),
    Host(
        "ModelScope",
        [
            c({"content": "", "reasoning_content": "hm"}),
            t("4", reasoning_content=""),
            c({"content": ""}, "stop", usage=usage(3, 2)),
            DONE,
        ],
        doc({"content": "4", "reasoning_content": "hm"}, usage=usage(3, 2)),
        "4",
        "hm",
        usage=(3, 2, None, None, None),
    ),
    Host(
        "DeepSeek",
        [
            c({"role": "assistant", "content": None, "reasoning_content": "hm"}),
            c({"content": "4", "reasoning_content": None}),
            c(
                {"content": ""},
                "stop",
                usage=usage(8, 3, prompt_cache_hit_tokens=5, prompt_cache_miss_tokens=3),
            ),
            DONE,
        ],
        doc(
            {"content": "4", "reasoning_content": "hm"},
            usage=usage(8, 3, prompt_cache_hit_tokens=5, prompt_cache_miss_tokens=3),
        ),
        "4",
        "hm",
        usage=(8, 3, 5, None, None),
    ),
    Host(
        "DeepSeek, out of capacity",
        [": keep-alive\n\n", t("Par"), c({}, "insufficient_system_resource"), DONE],
        doc({"content": "Par"}, "insufficient_system_resource"),
        "Par",
        error=StreamBroken,
        words="insufficient_system_resource",
    ),
    Host(
        "DeepSeek V3.1, template with an opened tag",
        [t("draft"), t("</think>4"), c({}, "stop"), DONE],
        doc({"content": "draft</think>4"}),
        "4",
        "draft",
    ),
    Host(
        "OpenRouter",
        [
            ": OPENROUTER PROCESSING\n\n",
            c(
                {
                    "content": "",
                    "reasoning": "h",
                    "reasoning_details": [{"type": "reasoning.text", "text": "h"}],
                },
                model="maker/model",
                provider="P",
            ),
            c(
                {
                    "content": "",
                    "reasoning": "m",
                    "reasoning_details": [{"type": "reasoning.text", "text": "m"}],
                }
            ),
            t("4", reasoning=None),
            c({"content": ""}, "stop", choice={"native_finish_reason": "STOP"}),
            c({"content": ""}, usage=usage(4, 2, cost=0.00012, cost_details={}, is_byok=False)),
            DONE,
        ],
        doc(
            {
                "content": "4",
                "reasoning": "hm",
                "reasoning_details": [{"type": "reasoning.text", "text": "hm"}],
            },
            choice={"native_finish_reason": "STOP"},
            model="maker/model",
            usage=usage(4, 2, cost=0.00012),
        ),
        "4",
        "hm",
        usage=(4, 2, None, None, 0.00012),
        model="maker/model",
    ),
    Host(
        "OpenRouter, thinking in details only",
        [
            c({"content": "", "reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]}),
            c({"content": "", "reasoning_details": [{"type": "reasoning.encrypted", "data": "AAAA"}]}),
            t("4"),
            c({}, "stop"),
            DONE,
        ],
        doc(
            {
                "content": "4",
                "reasoning_details": [
                    {"type": "reasoning.summary", "summary": "hm"},
                    {"type": "reasoning.encrypted", "data": "AAAA"},
                ],
            }
        ),
        "4",
        "hm",
    ),
    Host(
        "OpenRouter, an error inside the choice",
        [
            t("part"),
            c({"content": ""}, "error", choice={"error": {"code": 502, "message": "upstream overloaded"}}),
            DONE,
        ],
        doc({"content": "part"}, "error", choice={"error": {"code": 502, "message": "upstream overloaded"}}),
        "part",
        error=ServiceUnavailable,
        words="upstream overloaded",
    ),
    Host(
        "OpenRouter, an error beside the choice",
        [t("part"), c({"content": "!"}, "error", error={"code": "server_error", "message": "disconnected"})],
        doc({"content": "part!"}, "error", error={"code": "server_error", "message": "disconnected"}),
        "part!",
        error=ServiceUnavailable,
        words="disconnected",
    ),
    Host(
        "OpenRouter, Novita: never a reason",
        [t("4"), c({"content": ""}, usage=usage(4, 2)), DONE],
        doc({"content": "4"}, None, usage=usage(4, 2)),
        "4",
        usage=(4, 2, None, None, None),
        notes=(NO_REASON,),
    ),
    Host(
        "OpenRouter, pictures",
        [
            c({"content": "Here:", "images": [{"type": "image_url", "image_url": {"url": "data:,"}}]}),
            c({}, "stop"),
            DONE,
        ],
        doc({"content": "Here:", "images": [{"type": "image_url", "image_url": {"url": "data:,"}}]}),
        "Here:",
        notes=("not shown of the answer: images",),
    ),
    Host(
        "Snowflake Cortex",
        [
            {"choices": [{"delta": {"content": "4"}}], "usage": {}},
            {"choices": [{"delta": {"content": "."}}]},
            DONE,
        ],
        {"choices": [{"message": {"content": "4."}}], "usage": {}},
        "4.",
        usage=(None, None, None, None, None),
        notes=(NO_REASON,),
    ),
    Host(
        "Snowflake Cortex, a call",
        [{"choices": [{"delta": {"tool_calls": [call("weather", OSLO)]}}]}, DONE],
        {"choices": [{"message": {"content": "", "tool_calls": [call("weather", OSLO)]}}]},
        calls=WEATHER,
        finish="tool_calls",
        notes=(NO_REASON,),
    ),
    Host(
        "Groq",
        [
            {**ROLE, "x_groq": {"id": "r"}},
            c({"reasoning": "hm", "channel": "analysis"}),
            t("4"),
            c({}, "stop", x_groq={"id": "r", "usage": usage(5, 2, queue_time=0.1)}),
            DONE,
        ],
        doc({"content": "4", "reasoning": "hm"}, usage=usage(5, 2, queue_time=0.1), x_groq={"id": "r"}),
        "4",
        "hm",
        usage=(5, 2, None, None, None),
    ),
    Host(
        "Mistral, thinking parts",
        [
            c({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}]}),
            c(
                {
                    "content": [
                        {"type": "thinking", "thinking": [{"type": "text", "text": "m"}], "closed": True}
                    ]
                }
            ),
            c({"content": [{"type": "text", "text": "4"}]}),
            c({"content": "."}, "stop", usage=usage(5, 2)),
            DONE,
        ],
        doc(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "4."},
                ]
            },
            usage=usage(5, 2),
        ),
        "4.",
        "hm",
        usage=(5, 2, None, None, None),
    ),
    Host(
        "Mistral, cut by its context",
        [t("Par"), c({"content": ""}, "model_length"), DONE],
        doc({"content": "Par"}, "model_length"),
        "Par",
        finish="model_length",
    ),
    Host(
        "Mistral, a reference",
        [
            c({"content": [{"type": "text", "text": "4"}, {"type": "reference", "reference_ids": [1]}]}),
            c({}, "stop"),
            DONE,
        ],
        doc({"content": [{"type": "text", "text": "4"}, {"type": "reference", "reference_ids": [1]}]}),
        "4",
        notes=("not shown of the answer: reference",),
    ),
    Host(
        "Cloudflare Workers AI, JSON mode",
        [c({"content": {"topic": "a", "score": 2}}), c({}, "stop"), DONE],
        doc({"content": {"topic": "a", "score": 2}}),
        '{"topic": "a", "score": 2}',
    ),
    Host(
        "Cloudflare Workers AI, an object with a type of its own",
        [c({"content": {"type": "invoice", "total": 3}}), c({}, "stop"), DONE],
        doc({"content": {"type": "invoice", "total": 3}}),
        '{"type": "invoice", "total": 3}',
    ),
    Host(
        "Gemini, a call without an index",
        [c({"role": "assistant", "tool_calls": [call("weather", OSLO, named="")]}, "tool_calls"), DONE],
        doc({"tool_calls": [call("weather", OSLO, named="")]}, "tool_calls"),
        calls=WEATHER,
        finish="tool_calls",
    ),
    Host(
        "Gemini, thoughts in the text",
        [
            t("<thought>h", extra_content={"google": {"thought": True}}),
            t("m</thought>4"),
            c({}, "stop"),
            DONE,
        ],
        doc({"content": "<thought>hm</thought>4"}),
        "4",
        "hm",
    ),
    Host(
        "Gemini, an error in a list",
        ['[{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}]'],
        [{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}],
        error=ServiceUnavailable,
        words="overloaded",
    ),
    Host(
        "Gemini, stopped for safety",
        [c({"role": "assistant"}, "SAFETY"), DONE],
        doc({"content": None}, "SAFETY"),
        finish="SAFETY",
    ),
    Host(
        "Anthropic, by its compatible endpoint",
        [ROLE, t("4"), c({}, "stop"), {"choices": [], "usage": usage(7, 1)}, DONE],
        doc({"content": "4"}, usage=usage(7, 1)),
        "4",
        usage=(7, 1, None, None, None),
    ),
    Host(
        "a gateway with Anthropic's words",
        [t("4"), c({}, "end_turn", usage={"input_tokens": 7, "output_tokens": 1}), DONE],
        doc({"content": "4"}, "end_turn", usage={"input_tokens": 7, "output_tokens": 1}),
        "4",
        usage=(7, 1, None, None, None),
        finish="end_turn",
    ),
    Host(
        "Cohere",
        [t("4"), c({}, "COMPLETE"), DONE],
        doc({"content": "4"}, "COMPLETE"),
        "4",
        finish="COMPLETE",
    ),
    Host(
        "xAI, usage in every chunk",
        [
            c({"reasoning_content": "hm"}, usage=usage(5, 1)),
            c({"content": "4"}, usage=usage(5, 2)),
            c({}, "stop", usage=usage(5, 3, completion_tokens_details={"reasoning_tokens": 2})),
            DONE,
        ],
        doc(
            {"content": "4", "reasoning_content": "hm", "refusal": None},
            usage=usage(5, 3, completion_tokens_details={"reasoning_tokens": 2}),
        ),
        "4",
        "hm",
        usage=(5, 3, None, 2, None),
    ),
    Host(
        "Perplexity, the whole message beside each delta",
        [
            c({"content": "4"}, choice={"message": {"content": "4"}}, citations=["https://e.org"]),
            c({"content": "."}, choice={"message": {"content": "4."}}),
            c(
                {"content": ""},
                "stop",
                choice={"message": {"content": "4."}},
                usage=usage(3, 2, cost={"total_cost": 0.006}),
            ),
        ],
        doc({"content": "4."}, usage=usage(3, 2, cost={"total_cost": 0.006}), citations=["https://e.org"]),
        "4.",
        usage=(3, 2, None, None, 0.006),
        notes=("sources: https://e.org",),
    ),
    Host(
        "MiniMax, the whole message at the end",
        [
            t("4"),
            t("."),
            {
                "choices": [{"index": 0, "message": {"content": "4."}, "finish_reason": "stop"}],
                "usage": usage(3, 2),
            },
        ],
        doc({"content": "4."}, usage=usage(3, 2), base_resp={"status_code": 0, "status_msg": ""}),
        "4.",
        usage=(3, 2, None, None, None),
    ),
    Host(
        "a proxy that sends the message only",
        [{"choices": [{"index": 0, "message": {"content": "4"}, "finish_reason": "stop"}]}, DONE],
        doc({"content": "4"}),
        "4",
    ),
    Host(
        "Moonshot",
        [ROLE, t("4"), c({}, "stop", choice={"usage": usage(6, 1, cached_tokens=4)}), DONE],
        doc({"content": "4"}, usage=usage(6, 1, cached_tokens=4)),
        "4",
        usage=(6, 1, 4, None, None),
    ),
    Host(
        "Zhipu GLM, sensitive",
        [
            c({"role": "assistant", "reasoning_content": "hm"}),
            t("Par"),
            c({"content": ""}, "sensitive"),
            DONE,
        ],
        doc({"content": "Par", "reasoning_content": "hm"}, "sensitive"),
        "Par",
        "hm",
        finish="sensitive",
    ),
    Host(
        "Zhipu GLM, its network failed",
        [t("Par"), c({"content": ""}, "network_error"), DONE],
        doc({"content": "Par"}, "network_error"),
        "Par",
        error=StreamBroken,
        words="network_error",
    ),
    Host(
        "Together",
        [
            c({"content": "4", "token_id": 19}, choice={"text": "4", "seed": 1}),
            c({"content": ""}, "eos", choice={"text": ""}, usage=usage(4, 1)),
            DONE,
        ],
        doc({"content": "4", "tool_calls": []}, "eos", choice={"text": "4"}, usage=usage(4, 1)),
        "4",
        usage=(4, 1, None, None, None),
        finish="eos",
    ),
    Host(
        "Fireworks, usage with the reason",
        [ROLE, t("4"), c({}, "stop", usage=usage(4, 1, prompt_tokens_details={"cached_tokens": 0})), DONE],
        doc({"content": "4"}, usage=usage(4, 1, prompt_tokens_details={"cached_tokens": 0})),
        "4",
        usage=(4, 1, 0, None, None),
    ),
    Host(
        "Cerebras",
        [
            ROLE,
            c({"reasoning": "hm"}),
            t("4"),
            c({}, "stop", usage=usage(4, 1), time_info={"total_time": 0.1}),
            DONE,
        ],
        doc({"content": "4", "reasoning": "hm"}, usage=usage(4, 1), time_info={"total_time": 0.1}),
        "4",
        "hm",
        usage=(4, 1, None, None, None),
    ),
    Host(
        "SambaNova, an error with status 200",
        [t("Par"), {"error": {"message": "Request timed out", "type": "server_error", "code": None}}],
        {"error": {"message": "Request timed out", "type": "server_error", "code": None}},
        "Par",
        error=ServiceUnavailable,
        words="timed out",
    ),
    Host(
        "Volcengine Ark",
        [
            c({"content": "", "reasoning_content": "hm"}),
            t("4"),
            c({"content": ""}, "length", usage=usage(4, 1)),
            DONE,
        ],
        doc({"content": "4", "reasoning_content": "hm"}, "length", usage=usage(4, 1)),
        "4",
        "hm",
        usage=(4, 1, None, None, None),
        finish="length",
    ),
    Host(
        "Tencent Hunyuan",
        [
            c({"role": "assistant", "content": "4"}, "", note="x"),
            c({"content": ""}, "stop", usage=usage(4, 1)),
            DONE,
        ],
        doc({"content": "4"}, usage=usage(4, 1), note="x"),
        "4",
        usage=(4, 1, None, None, None),
    ),
    Host(
        "Databricks, a summary of the thinking",
        [
            c({"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]}),
            t("4"),
            c({"content": ""}, "stop"),
            DONE,
        ],
        doc(
            {
                "content": [
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                    {"type": "text", "text": "4"},
                ]
            }
        ),
        "4",
        "hm",
    ),
    Host(
        "GitHub Copilot",
        [c({"content": None, "reasoning_text": "hm", "reasoning_opaque": "A"}), t("4"), c({}, "stop"), DONE],
        doc({"content": "4", "reasoning_text": "hm"}),
        "4",
        "hm",
    ),
    Host(
        "Amazon Bedrock, gpt-oss",
        [t("<reasoning>h"), t("m</reasoning>4"), c({}, "stop"), DONE],
        doc({"content": "<reasoning>hm</reasoning>4"}),
        "4",
        "hm",
    ),
    Host(
        "vLLM",
        [
            c({"role": "assistant", "content": ""}, choice={"logprobs": None}, prompt_token_ids=None),
            c({"reasoning": "hm"}, choice={"token_ids": None}),
            t("4"),
            c({"content": ""}, "stop", choice={"stop_reason": None}),
            {"choices": [], "usage": usage(4, 2)},
            DONE,
        ],
        doc(
            {"content": "4", "reasoning": "hm", "tool_calls": []},
            choice={"stop_reason": None},
            usage=usage(4, 2),
        ),
        "4",
        "hm",
        usage=(4, 2, None, None, None),
    ),
    Host(
        "vLLM without a parser for thinking",
        [ROLE, t(THOUGHT), t("</th"), t("ink>\n\n"), t("4"), c({}, "stop"), DONE],
        doc({"content": f"{THOUGHT}</think>\n\n4"}),
        "4",
        THOUGHT,
    ),
    Host(
        "vLLM with the wrong parser for thinking",
        [c({"reasoning_content": "hm. "}), t(THOUGHT), t("</think>\n\n4"), c({}, "stop"), DONE],
        doc({"content": f"{THOUGHT}</think>\n\n4", "reasoning_content": "hm. "}),
        "4",
        f"hm. {THOUGHT}",
    ),
    Host(
        "vLLM, an error in the stream",
        [
            t("Par"),
            {
                "error": {
                    "object": "error",
                    "message": "EngineCore died",
                    "type": "InternalServerError",
                    "code": 500,
                }
            },
            DONE,
        ],
        {
            "error": {
                "object": "error",
                "message": "EngineCore died",
                "type": "InternalServerError",
                "code": 500,
            }
        },
        "Par",
        error=ServiceUnavailable,
        words="EngineCore died",
    ),
    Host(
        "SGLang, aborted",
        [t("Par"), c({}, "abort", choice={"matched_stop": None}), DONE],
        doc({"content": "Par"}, "abort"),
        "Par",
        error=StreamBroken,
        words="abort",
    ),
    Host(
        "llama.cpp",
        [
            c({"role": "assistant", "content": None}, model="/models/q.gguf"),
            c({"reasoning_content": "hm"}),
            t("4"),
            c({}, "stop", timings={"prompt_n": 3}),
            {"choices": [], "usage": usage(3, 2), "timings": {"prompt_n": 3}},
            DONE,
        ],
        doc({"content": "4", "reasoning_content": "hm"}, usage=usage(3, 2), model="/models/q.gguf"),
        "4",
        "hm",
        usage=(3, 2, None, None, None),
        model="models/q.gguf",
    ),
    Host(
        "llama.cpp, its error line",
        ['error: {"code":500,"message":"context shift is disabled","type":"server_error"}\n\n'],
        {"error": {"code": 500, "message": "context shift is disabled", "type": "server_error"}},
        error=ServiceUnavailable,
        words="context shift",
    ),
    Host(
        "llama-cpp-python, each call twice",
        [
            c({"role": "assistant", "content": None}),
            c(
                {
                    "function_call": {"name": "weather", "arguments": OSLO},
                    "tool_calls": [call("weather", OSLO, index=0)],
                }
            ),
            c({"content": None}, "tool_calls"),
            DONE,
        ],
        doc(
            {
                "content": None,
                "function_call": {"name": "weather", "arguments": OSLO},
                "tool_calls": [call("weather", OSLO)],
            },
            "tool_calls",
        ),
        calls=WEATHER,
        finish="tool_calls",
    ),
    Host(
        "an old server with function_call",
        [
            c({"function_call": {"name": "weather", "arguments": ""}}),
            c({"function_call": {"arguments": OSLO}}),
            c({}, "function_call"),
            DONE,
        ],
        doc({"content": None, "function_call": {"name": "weather", "arguments": OSLO}}, "function_call"),
        calls=WEATHER,
        finish="function_call",
    ),
    Host(
        "Ollama, all calls with the index 0",
        [
            c({"content": "", "tool_calls": [call("weather", OSLO, index=0)]}),
            c({"content": "", "tool_calls": [call("time", "{}", named="call_2", index=0)]}),
            c({"content": ""}, "tool_calls"),
            DONE,
        ],
        doc(
            {
                "content": "",
                "tool_calls": [call("weather", OSLO, index=0), call("time", "{}", named="call_2", index=0)],
            },
            "tool_calls",
        ),
        calls=(("weather", OSLO), ("time", "{}")),
        finish="tool_calls",
    ),
    Host(
        "LM Studio",
        [
            ROLE,
            c({"reasoning": "hm"}),
            t("4"),
            c({}, "stop"),
            'event: error\ndata: {"error":{"message":"x"}}\n\n',
        ],
        None,
        "4",
        "hm",
        error=RequestRejected,
        words="x",
    ),
    Host(
        "LiteLLM",
        [
            c(
                {
                    "content": "",
                    "reasoning_content": "hm",
                    "thinking_blocks": [{"type": "thinking", "thinking": "hm"}],
                }
            ),
            t("4", provider_specific_fields=None),
            c({}, "stop"),
            DONE,
        ],
        doc(
            {
                "content": "4",
                "reasoning_content": "hm",
                "thinking_blocks": [{"type": "thinking", "thinking": "hm"}],
            }
        ),
        "4",
        "hm",
    ),
    Host(
        "LiteLLM, a used-up budget",
        [
            {
                "error": {
                    "message": "Budget has been exceeded!",
                    "type": "insufficient_quota",
                    "code": "insufficient_quota",
                }
            }
        ],
        {
            "error": {
                "message": "Budget has been exceeded!",
                "type": "insufficient_quota",
                "code": "insufficient_quota",
            }
        },
        error=QuotaExceeded,
        words="Budget",
    ),
    Host(
        "TGI, arguments as an object",
        [c({"tool_calls": [call("weather", {"city": "Oslo"}, index=0)]}), c({}, "tool_calls"), DONE],
        doc({"tool_calls": [call("weather", {"city": "Oslo"})]}, "tool_calls"),
        calls=WEATHER,
        finish="tool_calls",
    ),
    Host(
        "TGI, an error",
        [t("Par"), {"error": "Request failed during generation", "error_type": "generation"}],
        {"error": "Request failed during generation", "error_type": "generation"},
        "Par",
        error=RequestRejected,
        words="failed during generation",
    ),
    Host(
        "transformers serve",
        [
            "data: " + '{"choices":[{"delta":{"role":"assistant","content":"4"},"index":0}]}\n\n',
            c({}, "stop"),
        ],
        doc({"content": "4"}),
        "4",
    ),
    Host(
        "KoboldCpp, text in the choice",
        [
            {"choices": [{"index": 0, "text": "4", "finish_reason": None}]},
            {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]},
            DONE,
        ],
        {"choices": [{"index": 0, "text": "4", "finish_reason": "stop"}]},
        "4",
    ),
    Host(
        "a proxy with one JSON object a line",
        ['{"choices":[{"delta":{"content":"4"}}]}\n', '{"choices":[{"delta":{},"finish_reason":"stop"}]}\n'],
        doc({"content": "4"}),
        "4",
    ),
    Host(
        "a gateway with a web page",
        ["<!DOCTYPE html>\n<html><title>502</title></html>"],
        None,
        error=ProtocolError,
        words="web page",
    ),
    Host(
        "an answer without any choice",
        [{"choices": []}, DONE],
        {"choices": []},
        error=ProtocolError,
        words="no choices",
    ),
    Host(
        "absurd counts",
        [
            t("4"),
            c({}, "stop", usage={"prompt_tokens": 2**63, "completion_tokens": 1.5, "cost": "free"}),
            DONE,
        ],
        doc({"content": "4"}, usage={"prompt_tokens": 2**63, "completion_tokens": 1.5, "cost": "free"}),
        "4",
        usage=(None, None, None, None, None),
    ),
    Host(
        "counts as floats and words",
        [t("4"), c({}, "stop", usage={"prompt_tokens": 12.0, "completion_tokens": "3", "cost": -1}), DONE],
        doc({"content": "4"}, usage={"prompt_tokens": 12.0, "completion_tokens": "3", "cost": -1}),
        "4",
        usage=(12, None, None, None, None),
    ),
    Host(
        "a reason that is no word",
        [t("4"), c({}, {"type": "stop"}), DONE],
        doc({"content": "4"}, {"type": "stop"}),
        "4",
        error=StreamBroken,
        words="type",
    ),
]
