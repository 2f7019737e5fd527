"""What could answer from here: local servers, keys in the environment, other programs' logins.

Only this machine is asked: a short `GET /v1/models` to the usual ports of local servers. Keys are shown masked.
Each thing that is found comes with one command that uses it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from openclaw_ipython.auth.keys import keys_of
from openclaw_ipython.errors import DocumentError
from openclaw_ipython.net.client import HttpClient, HTTPError, read_capped
from openclaw_ipython.openclaw.files import read_text
from openclaw_ipython.openclaw.json5.parse import Json5Error, parse
from openclaw_ipython.openclaw.masking import masked
from openclaw_ipython.providers.addresses import provider_at
from openclaw_ipython.sanitize.secrets import mask, redact

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.paths import Home
    from openclaw_ipython.openclaw.profiles import StoredProfile
    from openclaw_ipython.openclaw.store import Snapshot
    from openclaw_ipython.providers import Provider, Providers

Kind = Literal["local server", "key", "Qwen Code", "OpenClaw"]

SECONDS = 0.3  # for a server on this machine
_LIST_LIMIT = 1024 * 1024  # bytes of a list of models
_NAMED = 3  # models named in a row


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that could answer. `name` is an address, a variable or a file; `command` is what uses it."""

    kind: Kind
    name: str
    detail: str
    command: str
    provider: str = ""
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    """Where a local server listens."""

    provider: str
    base_url: str


def usual_ports(providers: Providers) -> tuple[Port, ...]:
    """Where the local servers that are known here listen by themselves."""
    return tuple(Port(provider.id, provider.base_url) for provider in providers.values() if provider.local)


# -- local servers -------------------------------------------------------------------------


async def local_servers(
    http: HttpClient,
    ports: Sequence[Port],
    usable: Callable[[str], bool],
    seconds: float = SECONDS,
) -> list[Found]:
    """The servers that answer on this machine with a list of models, asked at the same time.

    `usable` says whether a provider can be asked as things are.
    """
    answers = await asyncio.gather(*(_models_at(http, port, seconds) for port in ports))
    return [
        _server(port, models, usable(port.provider))
        for port, models in zip(ports, answers, strict=True)
        if models is not None
    ]


async def _models_at(http: HttpClient, port: Port, seconds: float) -> tuple[str, ...] | None:
    """The ids it lists; None for no server, or one of another kind."""
    try:
        async with (
            asyncio.timeout(seconds),
            aclosing(await http.send("GET", f"{port.base_url}/models", idle=seconds)) as response,
        ):
            body = await read_capped(response, _LIST_LIMIT) if response.is_success else b""
    except (HTTPError, TimeoutError):
        return None
    return model_ids(body)


def model_ids(body: bytes) -> tuple[str, ...] | None:
    """The ids in an answer to `GET /models`; None for anything else."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    rows = answer.get("data") if isinstance(answer, dict) else None
    if rows is None and isinstance(answer, dict) and answer.get("object") == "list":
        rows = []  # some servers write null for no models
    if not isinstance(rows, list):
        return None
    return tuple(row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str))


def _server(port: Port, models: tuple[str, ...], usable: bool) -> Found:
    detail = _listed(models) if models else "no model is loaded there"
    ready = usable and models
    command = (
        f"%%qwen {port.provider}/{models[0]}" if ready else f"%openclaw login --provider {port.provider}"
    )
    return Found("local server", port.base_url, detail, command, port.provider, models)


def _listed(models: Sequence[str]) -> str:
    more = len(models) - _NAMED
    return ", ".join(models[:_NAMED]) + (f" and {more} more" if more > 0 else "")


# -- keys in the environment ---------------------------------------------------------------


def environment_keys(environ: Mapping[str, str], providers: Providers, config: ConfigView) -> list[Found]:
    """The variables that hold a key of a service known here, or of an entry of the person's own."""
    found: dict[str, Found] = {}
    for provider_id in dict.fromkeys([*providers, *config.provider_ids]):
        provider = providers.get(provider_id)
        for key in keys_of(provider_id, environ, provider.key_variables if provider else ()):
            row = Found("key", key.name, "", _ask(provider_id, provider, config), provider_id)
            label = provider.label if provider else provider_id
            found.setdefault(key.name, replace(row, detail=f"{mask(key.value.reveal())} · {label}"))
    return list(found.values())


def _ask(provider_id: str, provider: Provider | None, config: ConfigView) -> str:
    entry = config.provider(provider_id)
    model = provider.default_model if provider else entry.models[0].id if entry and entry.models else ""
    return (
        f"%%qwen {provider_id}/{model}" if model else f"%openclaw models list --all --provider {provider_id}"
    )


# -- other programs ------------------------------------------------------------------------


def qwen_code_login(login: StoredProfile | None, home: Home, config: ConfigView, now: float) -> list[Found]:
    """A login of Qwen Code, which is used where it is. `now` in epoch seconds."""
    if login is None:
        return []
    left = (login.expires or 0) / 1000 - now
    state = "signed in" if left > 0 else "expired, to be renewed when it is used"
    if config.provider(login.provider) is not None:
        command = f"%openclaw models auth list --provider {login.provider}"
    else:
        command = f"%openclaw config set models.providers.{login.provider}.baseUrl https://portal.qwen.ai/v1"
    return [Found("Qwen Code", str(home.qwen_dir / "oauth_creds.json"), state, command, login.provider)]


def qwen_code_settings(home: Home, environ: Mapping[str, str], providers: Providers) -> list[Found]:
    """The services that Qwen Code's `settings.json` is set up for. A file that cannot be read counts as none."""
    path = home.qwen_dir / "settings.json"
    settings = _read(path)
    kept, entries = settings.get("env"), settings.get("modelProviders")
    keys = kept if isinstance(kept, Mapping) else {}
    rows = entries.get("openai") if isinstance(entries, Mapping) else None
    found: dict[str, Found] = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, Mapping) and isinstance(url := row.get("baseUrl"), str):
            found.setdefault(url, _service(str(path), row, keys, environ, providers))
    return list(found.values())


def _service(
    path: str,
    row: Mapping[str, Any],
    keys: Mapping[str, Any],
    environ: Mapping[str, str],
    providers: Providers,
) -> Found:
    """One service of `settings.json`. Its key is taken by reference, never copied."""
    url = str(row["baseUrl"]).rstrip("/")
    variable, model = str(row.get("envKey") or ""), str(row.get("id") or "")
    provider = provider_at(url, providers)
    said = [model, url]
    if isinstance(key := keys.get(variable), str) and key:
        said.append(f"{variable} {masked(key, variable)}")
    if variable and not environ.get(variable, "").strip():
        said.append(f"{variable} is not in the environment yet")
    shown = " · ".join(redact(text) for text in said if text)
    return Found("Qwen Code", path, shown, _entry(provider, url, model, variable), provider, (model,))


def _entry(provider: str, base_url: str, model: str, variable: str) -> str:
    """The command that writes a provider entry, valid for every OpenClaw release."""
    models = [{"id": model, "name": model}] if model else []
    key = {"apiKey": f"${{{variable}}}"} if variable else {}
    fields = {"baseUrl": base_url, **key, "api": "openai-completions", "models": models}
    text = json.dumps(fields, ensure_ascii=False).replace("'", "\\u0027")
    return f"%openclaw config set models.providers.{provider} '{text}'"


def openclaw_home(home: Home, snapshot: Snapshot) -> list[Found]:
    """An OpenClaw home that is there, and what it holds."""
    config = snapshot.config
    if not config.config and not snapshot.profiles:
        return []
    services, logins = len(config.provider_ids), len(snapshot.profiles)
    detail = (
        f"{services} {'service' if services == 1 else 'services'},"
        f" {logins} {'login' if logins == 1 else 'logins'}, default {config.default_model or 'not chosen'}"
    )
    return [Found("OpenClaw", str(home.state_dir), detail, "%openclaw models status")]


def _read(path: Any) -> Mapping[str, Any]:
    try:
        found = read_text(path)
        value = parse(found[0]).value if found else {}
    except (DocumentError, Json5Error):
        return {}
    return value if isinstance(value, Mapping) else {}
