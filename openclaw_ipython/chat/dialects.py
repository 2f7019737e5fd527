"""The dialects of hosts: which form of the OpenAI completions API each one accepts. Pure.

Facts about the Qwen hosts from Qwen Code 0.24.4 and OpenClaw's Qwen provider 2026.9.4 (2026-09), from Model Studio
help ("error-code", "deep-thinking", "context cache", "structured output") and from users' reports of refusals; for
thinking see `thinking`. Those about prompt caches are from the API references of the services (2026-11). A dialect does
not change the `User-Agent`, which is the same for every host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

if TYPE_CHECKING:
    from openclaw_ipython.chat.thinking import ThinkingSyntax


MARK: Mapping[str, Any] = {"cache_control": {"type": "ephemeral"}}
"""The mark of a content part up to which the prompt is cached, in the form of DashScope, OpenRouter and Anthropic."""

_DETAILS = "prompt_tokens_details"


class PromptCache(Struct, frozen=True):
    """The prompt cache of one kind of host.

    `hit` and `written` are the fields of `usage` that count the prompt tokens read from the cache and written to it;
    `a.b` is the field `b` of the object `a`, and the first one that is there counts. By default they are those of any
    known service. `mark` is added to a content part so that the prompt up to it is cached, and `headers` to a request
    with marks; without a `mark` the host decides itself. A marked prefix has at least `minimum` tokens, and lives for
    `lifetime` seconds from its last use.
    """

    hit: tuple[str, ...] = (
        f"{_DETAILS}.cached_tokens", "cached_tokens", "prompt_cache_hit_tokens", f"{_DETAILS}.cache_read_input_tokens",
        "cache_read_input_tokens",
    )  # fmt: skip
    written: tuple[str, ...] = (
        f"{_DETAILS}.cache_write_tokens", f"{_DETAILS}.cache_creation_input_tokens", "cache_creation_input_tokens",
    )  # fmt: skip
    mark: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    minimum: int = 1_024
    lifetime: float = 300.0


ANY_SERVICE = PromptCache()


class Dialect(Struct, frozen=True):
    """What one kind of host accepts.

    `thinking` is the syntax of its thinking options. `strict`: it knows no role `developer` and wants a single system
    message in front. `dashscope`: it has DashScope's own fields and rules. `adjustments` are
    the names of those in `chat.adjustments` that it is known to need, before it refuses anything. `cache` is its prompt
    cache. `agent`: it is not a model that answers but an agent (`chat.agents`).
    """

    name: str
    thinking: ThinkingSyntax = "effort"
    strict: bool = True
    dashscope: bool = False
    adjustments: frozenset[str] = frozenset()
    cache: PromptCache = ANY_SERVICE
    agent: bool = False


_ONLY_OBJECTS = frozenset({"json_object"})  # it holds an answer to any JSON object, not to a schema

# Model Studio help "Context cache", Qwen Code 0.24.4 (2026-11)
_DASHSCOPE_CACHE = PromptCache(
    hit=("prompt_tokens_details.cached_tokens", "cached_tokens"),
    written=("prompt_tokens_details.cache_creation_input_tokens",),
    mark=MARK,
    headers={"X-DashScope-CacheControl": "enable"},
)
# OpenRouter documentation, "Prompt caching" (2026-11)
_OPENROUTER_CACHE = PromptCache(
    hit=("prompt_tokens_details.cached_tokens",),
    written=("prompt_tokens_details.cache_write_tokens",),
    mark=MARK,
)

PLAIN = Dialect("", strict=False)
PORTAL = Dialect("portal", "dashscope", dashscope=True, adjustments=_ONLY_OBJECTS, cache=_DASHSCOPE_CACHE)
DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        PLAIN,
        PORTAL,
        Dialect("dashscope", "dashscope", dashscope=True, adjustments=_ONLY_OBJECTS, cache=_DASHSCOPE_CACHE),
        Dialect("modelscope", "dashscope", adjustments=_ONLY_OBJECTS),
        Dialect("openrouter", "reasoning", strict=False, cache=_OPENROUTER_CACHE),
        Dialect("fireworks", "effort"),
        Dialect("ollama", "effort"),
        Dialect("lmstudio", "effort"),
        Dialect("vllm", "template"),
        Dialect("agent", strict=False, agent=True),
    )
}

_PORTAL_HOST = r"(.+\.)?qwen\.ai"

# the hosts of known services; for DashScope, Qwen Code's own test
_HOSTS = (
    (r"(.+\.)?dashscope(-intl|-us)?\.aliyuncs\.com", "dashscope"),
    (r"token-plan\.(.+\.)?maas\.aliyuncs\.com", "dashscope"),
    (r".+\.(alibaba-inc|aliyun-inc|alicloudapi)\.com", "dashscope"),
    (_PORTAL_HOST, "portal"),
    (r"(.+\.)?openrouter\.ai", "openrouter"),
    (r"(.+\.)?fireworks\.ai", "fireworks"),
    (r"api-inference\.modelscope\.(cn|ai)", "modelscope"),
)


def dialect_for(base_url: str, declared: str = "", proxies: Iterable[str] = ()) -> Dialect:
    """The dialect of the host at `base_url`.

    `declared` is the dialect in the provider's file; it wins, so that a proxy in front of a known service gets the
    service's dialect. `proxies` are base URLs that count as DashScope (`DASHSCOPE_PROXY_BASE_URL`).
    """
    host = _host(base_url)
    if declared == "portal" and re.fullmatch(_PORTAL_HOST, host):
        # from April 2026 on the portal itself refused requests without the marks; other hosts seldom do
        return replace(PORTAL, adjustments=_ONLY_OBJECTS | {"begins with a mark"})
    if declared:
        return DIALECTS.get(declared, PLAIN)
    if host and host in {_host(proxy) for proxy in proxies}:
        return DIALECTS["dashscope"]
    name = next((name for pattern, name in _HOSTS if re.fullmatch(pattern, host)), "")
    return dialect_for(base_url, name) if name else PLAIN


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
