"""The list of models of a service: the request for it, and the reading of its answer.

Shapes: OpenAI's `{"data": [{"id"}]}`, with `max_model_len` (vLLM, SGLang), `meta.n_ctx` and a second list with
`capabilities` (llama.cpp), `context_length` and `supports_image_input` (Fireworks), `architecture`, `pricing` and
`top_provider` (OpenRouter), `capabilities.vision` (Mistral), `type` and `max_context_length` (LM Studio's
`/api/v0/models`); `max_input_tokens` and `supports_vision` in the `model_info` of LiteLLM's `/v1/model/info`; and
Ollama's `/api/show` about one model. What a row does not state stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.chat.agents import agent_error, agent_id
from openclaw_ipython.chat.dialects import DIALECTS
from openclaw_ipython.chat.http_errors import error_for, parse_error_body
from openclaw_ipython.chat.wrong_address import answering_base_url, is_wrong_path, wrong_address
from openclaw_ipython.errors import LoginRequired, OpenClawError, ProtocolError
from openclaw_ipython.i18n import _
from openclaw_ipython.net.http import Auth, HttpClient, read_capped, translated
from openclaw_ipython.providers.guesses import unlisted
from openclaw_ipython.providers.spec import ModelSpec, Price, Provider, Source
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.sanitize.text import json_value, visible

MOST_MODELS = 5_000
"""The most models that are read from one list."""

LIST_BYTES = 8 * 1024 * 1024
DETAILS = 50
"""The most models about which a local server is asked one by one."""

_WINDOW = (
    "loaded_context_length", "max_model_len", "n_ctx", "context_length", "max_context_length", "context_window",
    "max_input_tokens",
)  # fmt: skip
_OUTPUT = ("max_completion_tokens", "max_output_tokens", "max_output_length")
_MODALITIES = ("input_modalities", "supported_input_modalities")
_SEES = ("supports_image_input", "supports_vision", "vision")
_PARTS = ("architecture", "top_provider", "meta", "model_info", "capabilities", "limits", "metadata")
_NO_CHAT = ("embedding", "embeddings", "rerank", "reranker", "tts", "asr", "speech", "image-generation")


def read_listing(body: bytes, date: str) -> tuple[ModelSpec, ...]:
    """The chat models of a list; `date` is the day of the request. Raises ProtocolError."""
    rows = listed_rows(json_value(body))
    if rows is None:
        raise ProtocolError(_("the answer is not a list of models"))
    source = Source("the service's own list", date)
    found: dict[str, ModelSpec] = {}
    for row in rows[:MOST_MODELS]:
        spec = _read(row, source) if isinstance(row, Mapping) else None
        if spec is not None:
            found.setdefault(spec.id, spec)
    return tuple(found.values())


def with_details(spec: ModelSpec, body: bytes) -> ModelSpec:
    """`spec` with the details in an answer of Ollama's `/api/show`."""
    details = json_value(body)
    if not isinstance(details, Mapping):
        return spec
    info, capabilities = details.get("model_info"), details.get("capabilities")
    facts = info if isinstance(info, Mapping) else {}
    window = next((v for k, v in facts.items() if k.endswith(".context_length")), None)
    if isinstance(capabilities, list):
        kinds = ("text", "image") if _sees(capabilities) else ("text",)
        thinks = "thinking" in capabilities
        spec = replace(spec, input=kinds, reasoning=thinks, thinking=spec.thinking if thinks else "none")
    return replace(spec, context_window=_count(window) or spec.context_window)


def listed_rows(answer: Any) -> list[Any] | None:
    """The rows of a list of models, as any server writes it; None for another answer."""
    if isinstance(answer, list):
        return answer
    if not isinstance(answer, Mapping):
        return None
    lists = [answer[name] for name in ("data", "models") if isinstance(answer.get(name), list)]
    if lists:
        rows, *more = lists
        facts = {_id(row): row for row in (more[0] if more else ()) if isinstance(row, Mapping)}
        return [{**facts.get(_id(row), {}), **row} if isinstance(row, Mapping) else row for row in rows]
    return [] if answer.get("object") == "list" else None  # some servers write null for no models


def _read(row: Mapping[str, Any], source: Source) -> ModelSpec | None:
    model_id = _id(row)
    if not _usable(model_id) or _no_chat(row, model_id):
        return None
    base = unlisted(model_id)
    name = row.get("name")
    return replace(
        base,
        name=visible(name)[:80] if isinstance(name, str) and name else model_id,
        input=_kinds(row) or base.input,
        context_window=_first(row, _WINDOW) or 0,
        max_tokens=_first(row, _OUTPUT) or 0,
        price=_price(row.get("pricing"), source),
        source=source,
    )


def _id(row: Mapping[str, Any]) -> str:
    found = row.get("id") or row.get("model_name") or row.get("model") or row.get("name")
    return found if isinstance(found, str) else ""


def _usable(model_id: str) -> bool:
    """Whether an id can stand on a command line, in a file and in a request."""
    return 0 < len(model_id) <= 200 and model_id.isprintable() and not any(c.isspace() for c in model_id)


def _no_chat(row: Mapping[str, Any], model_id: str) -> bool:
    if row.get("supports_chat") is False or row.get("type") in _NO_CHAT:
        return True
    return any(word in model_id.lower() for word in ("embedding", "rerank", "-tts", "-asr"))


def _kinds(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of input that the row states; empty if it states none."""
    stated = next((v for n in _MODALITIES for p in _places(row) if isinstance(v := p.get(n), list)), None)
    if stated is not None:
        named = [kind for kind in ("text", "image", "video") if kind in stated]
        return tuple(dict.fromkeys(["text", *named]))
    if row.get("type") in ("llm", "vlm"):
        return ("text", "image") if row["type"] == "vlm" else ("text",)
    sees = next((v for n in _SEES for p in _places(row) if isinstance(v := p.get(n), bool)), None)
    if sees is None:
        sees = _sees(row.get("capabilities"))
    return () if sees is None else ("text", "image") if sees else ("text",)


def _sees(capabilities: Any) -> bool | None:
    """Whether a list of capabilities, as llama.cpp and Ollama write it, has pictures; None for any other."""
    if not isinstance(capabilities, list):
        return None
    if "vision" in capabilities or "multimodal" in capabilities:
        return True
    return False if "completion" in capabilities else None


def _places(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A row and its parts that may hold facts."""
    return [row, *(part for name in _PARTS if isinstance(part := row.get(name), Mapping))]


def _price(pricing: Any, source: Source) -> Price | None:
    """The price in OpenRouter's form: dollars per token, as text."""
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


def _first(row: Mapping[str, Any], names: Iterable[str]) -> int | None:
    return next((found for name in names for part in _places(row) if (found := _count(part.get(name)))), None)


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1e12:
        return None
    return value


# -- the request --


class ModelsEndpoint(Struct, frozen=True):
    """The address of a list and the login for it.

    `provider` is None for the user's own entry; `refused_key_hint` is the hint of the error for a refused key,
    `unreachable_hint` of that for a server that is not there.
    """

    http: HttpClient
    base_url: str
    auth: Auth
    name: str
    provider: Provider | None = None
    refused_key_hint: str = ""
    unreachable_hint: str = ""


async def fetch_models(at: ModelsEndpoint, date: str) -> tuple[ModelSpec, ...]:
    """The present list of a service; a local server is also asked for the details of each model.

    `date` is the day of the request. Raises LoginRequired for a refused key, RequestRejected for a service without a
    list, and the other service errors.
    """
    local = at.provider.local if at.provider else None
    if local is not None and local.list_path:
        try:
            return await _listed(at, _origin(at.base_url) + local.list_path, date)
        except OpenClawError:
            pass  # an older release has only the plain list
    specs = await _listed(at, at.base_url.rstrip("/") + "/models", date)
    if _lists_agents(at):
        return tuple(replace(spec, id=one, name=one) for spec in specs if (one := agent_id(spec.id)))
    if local is not None and local.detail_path:
        detailed = [await _detailed(at, local.detail_path, spec) for spec in specs[:DETAILS]]
        return (*detailed, *specs[DETAILS:])
    if at.provider is None and not all(spec.context_window and spec.input for spec in specs):
        return await _with_litellm_facts(at, specs, date)
    return tuple((at.provider.model(spec.id) if at.provider else None) or spec for spec in specs)


async def check_key(at: ModelsEndpoint, path: str) -> None:
    """GET `path` below the base URL, which only a right key may. Raises as `fetch_models`."""
    await _body(at, "GET", at.base_url.rstrip("/") + path)


async def _with_litellm_facts(
    at: ModelsEndpoint, specs: tuple[ModelSpec, ...], date: str
) -> tuple[ModelSpec, ...]:
    """`specs` with what a LiteLLM proxy, whose plain list has hardly more than names, states elsewhere."""
    try:
        facts = {spec.id: spec for spec in await _listed(at, at.base_url.rstrip("/") + "/model/info", date)}
    except OpenClawError:
        return specs
    return tuple(facts.get(spec.id, spec) for spec in specs)


async def _listed(at: ModelsEndpoint, url: str, date: str) -> tuple[ModelSpec, ...]:
    return read_listing(await _body(at, "GET", url), date)


async def _detailed(at: ModelsEndpoint, path: str, spec: ModelSpec) -> ModelSpec:
    url = _origin(at.base_url) + path
    try:
        return with_details(spec, await _body(at, "POST", url, {"model": spec.id}))
    except OpenClawError:
        return spec


async def _body(at: ModelsEndpoint, method: str, url: str, payload: object = None) -> bytes:
    with translated(at.name, at.unreachable_hint):
        headers = {"Accept": "application/json"}
        response = await at.http.send(method, url, headers=headers, json=payload, auth=at.auth)
        try:
            body = await read_capped(response, LIST_BYTES)
        finally:
            await response.aclose()
    if response.is_success:
        return body
    if response.is_redirect:
        raise ProtocolError(
            _("{name} redirects elsewhere; that is not followed", name=at.name), status=response.status_code
        )
    token = Secret(response.request.headers.get("authorization", "").partition(" ")[2])
    details = parse_error_body(body, response.headers, token)
    if is_wrong_path(response.status_code, details) and not _lists_agents(at):
        answering = await answering_base_url(at.http, at.base_url)
        if answering:
            name, status = at.provider.id if at.provider else at.name, response.status_code
            raise wrong_address(at.base_url, name, answering, status, details.message or str(status))
    error = (agent_error if _lists_agents(at) else error_for)(response.status_code, details)
    if at.refused_key_hint and isinstance(error, LoginRequired):
        error.hint = at.refused_key_hint
    raise error


def _lists_agents(at: ModelsEndpoint) -> bool:
    return at.provider is not None and DIALECTS[at.provider.dialect].agent


def _origin(base_url: str) -> str:
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"
