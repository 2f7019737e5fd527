"""The models that services themselves list: asked for when told to, remembered in a file of our own.

Nothing is asked by itself. A list belongs to the address it came from: at another base URL it does not count. The file
is `ipython/catalogue.json` in the state folder; deleting it loses only that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from openclaw_ipython.chat.http_errors import error_for, parse_error_body
from openclaw_ipython.errors import DocumentError, LoginRequired, OpenClawError, ProtocolError, StoreBusy
from openclaw_ipython.i18n import _
from openclaw_ipython.models.listing import known_better, read_listing, with_details
from openclaw_ipython.net.http import Auth, HttpClient, read_capped, translated
from openclaw_ipython.openclaw.files import FileChanged, Stamp, read_text, stamp_of, write_atomically
from openclaw_ipython.providers import ModelSpec, Price, Provider, Source
from openclaw_ipython.sanitize.secrets import Secret

LIST_BYTES = 8 * 1024 * 1024
DETAILS = 50
"""Models about which a local server is asked one by one."""

_VERSION = 1


class Refreshed(NamedTuple):
    """A list that was fetched, and where it is kept."""

    provider: str
    base_url: str
    models: tuple[ModelSpec, ...]
    path: Path


class Catalogue:
    """The remembered lists. `path` is the file, `clock` epoch seconds. A damaged file counts as an empty one."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.path = path
        self._clock = clock
        self._stamp: Stamp | None = None
        self._read: dict[str, Any] = {}
        self._specs: dict[tuple[str, str], tuple[ModelSpec, ...]] = {}

    def models(self, provider_id: str, base_url: str) -> tuple[ModelSpec, ...]:
        """What the service at `base_url` listed when it was last asked; empty when it never was."""
        document = self._document()
        key = (provider_id, base_url.rstrip("/"))
        if key not in self._specs:
            kept = document.get(provider_id)
            mine = isinstance(kept, Mapping) and kept.get("baseUrl") == key[1]
            self._specs[key] = tuple(_specs(kept)) if mine and isinstance(kept, Mapping) else ()
        return self._specs[key]

    def save(self, provider_id: str, base_url: str, models: tuple[ModelSpec, ...]) -> Refreshed:
        """Remember a list. Raises DocumentError when the file cannot be written."""
        base_url = base_url.rstrip("/")
        kept = {
            "baseUrl": base_url,
            "fetchedAt": int(self._clock() * 1000),
            "models": [_written(spec) for spec in models],
        }
        for _attempt in range(5):
            document = {**self._document(), provider_id: kept}
            text = json.dumps({"version": _VERSION, "providers": document}, ensure_ascii=False, indent=1)
            try:
                write_atomically(self.path, text, expect=self._stamp)
            except FileChanged:
                continue
            return Refreshed(provider_id, base_url, models, self.path)
        raise StoreBusy(
            _("{path} keeps changing", path=self.path), path=self.path, hint=_("try again in a moment")
        )

    def today(self) -> str:
        """The date of a list that is fetched now."""
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()

    def _document(self) -> dict[str, Any]:
        try:
            stamp = stamp_of(self.path)
            if stamp != self._stamp or stamp is None:
                found = read_text(self.path) if stamp is not None else None
                self._stamp = found[1] if found else None
                self._read, self._specs = _providers(found[0] if found else ""), {}
        except DocumentError:
            self._read, self._specs = {}, {}
        return self._read


def _providers(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    providers = document.get("providers") if isinstance(document, dict) else None
    return providers if isinstance(providers, dict) and document.get("version") == _VERSION else {}


def _written(spec: ModelSpec) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "id": spec.id,
        "name": spec.name,
        "input": list(spec.input),
        "contextWindow": spec.context_window,
        "maxTokens": spec.max_tokens,
        "reasoning": spec.reasoning,
        "thinking": spec.thinking,
    }
    if spec.price is not None:
        kept["cost"] = [spec.price.input, spec.price.output, spec.price.cache_read, spec.price.cache_write]
    return kept


def _specs(kept: Mapping[str, Any]) -> list[ModelSpec]:
    rows = kept.get("models")
    try:
        date = datetime.fromtimestamp(float(kept.get("fetchedAt", 0)) / 1000, UTC).date().isoformat()
        source = Source("the service's own list", date)
        return [_spec(row, source) for row in rows] if isinstance(rows, list) else []
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError):
        return []  # written by hand or by a later release: not ours to read


def _spec(row: Mapping[str, Any], source: Source) -> ModelSpec:
    cost = row.get("cost")
    price = Price(float(cost[0]), float(cost[1]), source, cost[2], cost[3]) if cost else None
    return ModelSpec(
        str(row["id"]),
        str(row["name"]),
        tuple(map(str, row["input"])),
        int(row["contextWindow"]),
        int(row["maxTokens"]),
        bool(row["reasoning"]),
        row["thinking"],
        price,
        source,
    )


# -- asking --------------------------------------------------------------------------------


class ModelsEndpoint(NamedTuple):
    """Where a list is asked for, and as whom.

    `auth` applies the login, `provider` is None for an entry of the person's own, `wrong_key` says what to do about
    a key that is refused.
    """

    http: HttpClient
    base_url: str
    auth: Auth
    name: str
    provider: Provider | None = None
    wrong_key: str = ""


async def fetch_models(at: ModelsEndpoint, date: str) -> tuple[ModelSpec, ...]:
    """What the service lists now; local servers are also asked what each model reads.

    Raises LoginRequired for a key that is refused, RequestRejected where the service keeps no list, and the
    other service errors.
    """
    local = at.provider.local if at.provider else None
    if local is not None and local.list_path:
        try:
            return await _listed(at, _origin(at.base_url) + local.list_path, date)
        except OpenClawError:
            pass  # an older release: it has the plain list
    specs = await _listed(at, at.base_url.rstrip("/") + "/models", date)
    if local is not None and local.detail_path:
        detailed = [await _detailed(at, local.detail_path, spec) for spec in specs[:DETAILS]]
        return (*detailed, *specs[DETAILS:])
    return known_better(specs, at.provider)


async def _listed(at: ModelsEndpoint, url: str, date: str) -> tuple[ModelSpec, ...]:
    return read_listing(await _body(at, "GET", url), date)


async def _detailed(at: ModelsEndpoint, path: str, spec: ModelSpec) -> ModelSpec:
    url = _origin(at.base_url) + path
    try:
        return with_details(spec, await _body(at, "POST", url, {"model": spec.id}))
    except OpenClawError:
        return spec


async def _body(at: ModelsEndpoint, method: str, url: str, question: object = None) -> bytes:
    with translated(at.name):
        headers = {"Accept": "application/json"}
        response = await at.http.send(method, url, headers=headers, json=question, auth=at.auth)
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
    error = error_for(response.status_code, parse_error_body(body, response.headers, token))
    if at.wrong_key and isinstance(error, LoginRequired):
        error.hint = at.wrong_key
    raise error


def _origin(base_url: str) -> str:
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"
