"""What a service says about its models: the answers to `GET /models` and their richer cousins → ModelSpecs. Pure.

Shapes: OpenAI's `{"data": [{"id"}]}`, with `max_model_len` (vLLM), `context_length` and `supports_image_input`
(Fireworks), `architecture`, `pricing` and `top_provider` (OpenRouter), `type` and `max_context_length` (LM Studio's
`/api/v0/models`); and Ollama's `/api/show` about one model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from openclaw_ipython.errors import ProtocolError
from openclaw_ipython.i18n import _
from openclaw_ipython.providers.guesses import guessed
from openclaw_ipython.providers.spec import ModelSpec, Price, Provider, Source
from openclaw_ipython.sanitize.text import visible

MOST = 5_000
"""Models of one list that are looked at."""

_WINDOW = ("loaded_context_length", "max_model_len", "context_length", "max_context_length", "context_window")
_OUTPUT = ("max_completion_tokens", "max_output_tokens", "max_output_length")
_NO_CHAT = ("embedding", "embeddings", "rerank", "reranker", "tts", "asr", "speech", "image-generation")


def read_listing(body: bytes, date: str) -> tuple[ModelSpec, ...]:
    """The models of a list that can be chatted with; `date` is when it was asked for. Raises ProtocolError."""
    rows = _rows(_parse(body))
    if rows is None:
        raise ProtocolError(_("the answer is not a list of models"))
    source = Source("the service's own list", date)
    found: dict[str, ModelSpec] = {}
    for row in rows[:MOST]:
        spec = _read(row, source) if isinstance(row, Mapping) else None
        if spec is not None:
            found.setdefault(spec.id, spec)
    return tuple(found.values())


def with_details(spec: ModelSpec, body: bytes) -> ModelSpec:
    """`spec` with what Ollama's `/api/show` tells; unchanged where it tells nothing."""
    shown = _parse(body)
    if not isinstance(shown, Mapping):
        return spec
    info, able = shown.get("model_info"), shown.get("capabilities")
    facts = info if isinstance(info, Mapping) else {}
    window = next((v for k, v in facts.items() if k.endswith(".context_length")), None)
    if isinstance(able, list):
        kinds = ("text", "image") if "vision" in able else ("text",)
        thinks = "thinking" in able
        spec = replace(spec, input=kinds, reasoning=thinks, thinking=spec.thinking if thinks else "none")
    return replace(spec, context_window=_count(window) or spec.context_window)


def known_better(specs: Iterable[ModelSpec], provider: Provider | None) -> tuple[ModelSpec, ...]:
    """`specs` with the facts of the provider's own table where it has the model."""
    return tuple((provider.model(spec.id) if provider else None) or spec for spec in specs)


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _rows(answer: Any) -> list[Any] | None:
    if isinstance(answer, list):
        return answer
    if not isinstance(answer, Mapping):
        return None
    for name in ("data", "models"):
        if isinstance(answer.get(name), list):
            return list(answer[name])
    return [] if answer.get("object") == "list" else None  # some servers write null for no models


def _read(row: Mapping[str, Any], source: Source) -> ModelSpec | None:
    model_id = row.get("id") or row.get("model") or row.get("name")
    if not isinstance(model_id, str) or not _usable(model_id) or _no_chat(row, model_id):
        return None
    base = guessed(model_id) or ModelSpec(model_id, model_id)
    name = row.get("name")
    top = row.get("top_provider")
    stated = _first(row, _OUTPUT) or (_first(top, _OUTPUT) if isinstance(top, Mapping) else None)
    return replace(
        base,
        name=visible(name)[:80] if isinstance(name, str) and name else model_id,
        input=_kinds(row) or base.input,
        context_window=_first(row, _WINDOW) or base.context_window,
        max_tokens=stated or base.max_tokens,
        price=_price(row.get("pricing"), source),
        source=source,
    )


def _usable(model_id: str) -> bool:
    """A ref goes on a command line, into a file and into a request."""
    return 0 < len(model_id) <= 200 and model_id.isprintable() and not any(c.isspace() for c in model_id)


def _no_chat(row: Mapping[str, Any], model_id: str) -> bool:
    if row.get("supports_chat") is False or row.get("type") in _NO_CHAT:
        return True
    return any(word in model_id.lower() for word in ("embedding", "rerank", "-tts", "-asr"))


def _kinds(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What it reads, as far as the row says."""
    architecture = row.get("architecture")
    said = (architecture if isinstance(architecture, Mapping) else row).get("input_modalities")
    if isinstance(said, list):
        named = [kind for kind in ("text", "image", "video") if kind in said]
        return tuple(dict.fromkeys(["text", *named]))
    if row.get("type") in {"llm", "vlm"}:
        return ("text", "image") if row["type"] == "vlm" else ("text",)
    if isinstance(row.get("supports_image_input"), bool):
        return ("text", "image") if row["supports_image_input"] else ("text",)
    return ()


def _price(pricing: Any, source: Source) -> Price | None:
    """OpenRouter's dollars per token, as text."""
    if not isinstance(pricing, Mapping):
        return None
    into, out = _dollars(pricing.get("prompt")), _dollars(pricing.get("completion"))
    if into is None or out is None:
        return None
    read, write = _dollars(pricing.get("input_cache_read")), _dollars(pricing.get("input_cache_write"))
    return Price(into, out, source, read, write)


def _dollars(text: Any) -> float | None:
    try:
        value = float(text) * 1e6
    except (TypeError, ValueError, OverflowError):
        return None
    return round(value, 6) if math.isfinite(value) and 0 <= value < 1e6 else None


def _first(row: Any, names: Iterable[str]) -> int | None:
    return next((found for name in names if (found := _count(row.get(name)))), None)


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1e12:
        return None
    return value
