"""`models scan`: local servers, keys in the environment, and what other programs are set up with.

The only requests are a short `GET /v1/models` to the usual ports of local servers. Keys are masked. Every result has
one command that uses it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.auth.resolver import provider_keys
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.net.http import HttpClient, HTTPError, read_capped
from openclaw_ipython.openclaw.reading import read_object
from openclaw_ipython.openclaw.settings import masked
from openclaw_ipython.providers.lookup import provider_at
from openclaw_ipython.sanitize.secrets import mask, redact

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.paths import Home
    from openclaw_ipython.openclaw.store import Snapshot, Store
    from openclaw_ipython.providers import Provider, Providers
    from openclaw_ipython.qwen_code.source import QwenCode
    from openclaw_ipython.runtime.env import Runtime

Kind = Literal["local server", "key", "Qwen Code", "OpenClaw"]

SECONDS = 0.3  # for the answer of a server on this machine
_MAX_LIST_BYTES = 1024 * 1024
_MODELS_SHOWN = 3


class ScanResult(Struct, frozen=True):
    """One thing that was found. `name` is an address, a variable or a file; `command` uses it, empty if nothing can."""

    kind: Kind
    name: str
    detail: str
    command: str
    provider: str = ""
    models: tuple[str, ...] = ()


class ServerAddress(Struct, frozen=True):
    """The address of a local server of a provider."""

    provider: str
    base_url: str


def usual_addresses(providers: Providers) -> tuple[ServerAddress, ...]:
    """The default addresses of the known local servers."""
    return tuple(ServerAddress(one.id, one.base_url) for one in providers.values() if one.local)


async def scan(
    store: Store,
    accounts: Accounts,
    providers: Providers,
    runtime: Runtime,
    *,
    http: HttpClient,
    addresses: Sequence[ServerAddress] | None = None,
    retirement: Callable[[str], str] = lambda provider_id: "",
) -> list[ScanResult]:
    """Everything on this machine that can be used. `addresses` replaces the usual ones of local servers.
    `retirement` is the sentence that a provider has ended its sign-in, or empty.

    Raises DocumentError.
    """
    snapshot, home, environ = store.load(), store.home, runtime.environ
    servers = usual_addresses(providers) if addresses is None else addresses

    def is_usable(provider_id: str) -> bool:
        try:
            return accounts.credential(provider_id) is not None
        except OpenClawError:
            return False

    return [
        *await local_servers(http, servers, is_usable),
        *_without_ended(
            [
                *environment_keys(environ, providers, snapshot.config),
                *qwen_code_login(accounts.qwen_code, home, snapshot.config, runtime.clock()),
            ],
            retirement,
        ),
        *qwen_code_settings(home, environ, providers),
        *openclaw_home(home, snapshot),
    ]


def _without_ended(found: Sequence[ScanResult], retirement: Callable[[str], str]) -> list[ScanResult]:
    """The results; those of a service that has ended its sign-in say so and have no command."""
    ended = {row.provider: retirement(row.provider) for row in found}
    return [
        replace(row, detail=f"{row.detail} · {why}", command="") if (why := ended[row.provider]) else row
        for row in found
    ]


# -- local servers -------------------------------------------------------------------------


async def local_servers(
    http: HttpClient,
    addresses: Sequence[ServerAddress],
    is_usable: Callable[[str], bool],
    seconds: float = SECONDS,
) -> list[ScanResult]:
    """The servers that answer with a list of models, all asked at the same time.

    `is_usable` says whether a provider can be used without setting it up.
    """
    answers = await asyncio.gather(*(_models_at(http, address, seconds) for address in addresses))
    return [
        _server(address, models, is_usable(address.provider))
        for address, models in zip(addresses, answers, strict=True)
        if models is not None
    ]


async def _models_at(http: HttpClient, address: ServerAddress, seconds: float) -> tuple[str, ...] | None:
    """The ids of its models; None for no server, or one of another kind."""
    try:
        async with (
            asyncio.timeout(seconds),
            aclosing(await http.send("GET", f"{address.base_url}/models", idle=seconds)) as response,
        ):
            body = await read_capped(response, _MAX_LIST_BYTES) if response.is_success else b""
    except (HTTPError, TimeoutError):
        return None
    return model_ids(body)


def model_ids(body: bytes) -> tuple[str, ...] | None:
    """The ids in a response to `GET /models`; None for any other body."""
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


def _server(address: ServerAddress, models: tuple[str, ...], usable: bool) -> ScanResult:
    detail = _listed(models) if models else _("it has no model")
    command = f"%openclaw login --provider {address.provider}"
    if usable and models:
        command = f"%%qwen {address.provider}/{models[0]}"
    return ScanResult("local server", address.base_url, detail, command, address.provider, models)


def _listed(models: Sequence[str]) -> str:
    more = len(models) - _MODELS_SHOWN
    return ", ".join(models[:_MODELS_SHOWN]) + (_(" and {count} more", count=more) if more > 0 else "")


# -- keys in the environment ---------------------------------------------------------------


def environment_keys(
    environ: Mapping[str, str], providers: Providers, config: ConfigView
) -> list[ScanResult]:
    """The variables that hold a key of a built-in provider or of an entry in the configuration."""
    found: dict[str, ScanResult] = {}
    for provider_id in dict.fromkeys([*providers, *config.provider_ids]):
        provider = providers.get(provider_id)
        for key in provider_keys(provider_id, environ, provider.key_variables if provider else ()):
            detail = f"{mask(key.value.reveal())} · {provider.label if provider else provider_id}"
            command = _command_to_ask(provider_id, provider, config)
            found.setdefault(key.name, ScanResult("key", key.name, detail, command, provider_id))
    return list(found.values())


def _command_to_ask(provider_id: str, provider: Provider | None, config: ConfigView) -> str:
    entry = config.provider(provider_id)
    model = provider.default_model if provider else entry.models[0].id if entry and entry.models else ""
    if model:
        return f"%%qwen {provider_id}/{model}"
    return f"%openclaw models list --all --provider {provider_id}"


# -- other programs ------------------------------------------------------------------------


def qwen_code_login(qwen_code: QwenCode, home: Home, config: ConfigView, now: float) -> list[ScanResult]:
    """The login of Qwen Code, which is used in place. `now` in epoch seconds."""
    login = qwen_code.login()
    if login is None:
        return []
    left = (login.expires or 0) / 1000 - now
    state = _("signed in") if left > 0 else _("expired, to be renewed when it is used")
    if config.provider(login.provider) is not None:
        command = f"%openclaw models auth list --provider {login.provider}"
    else:
        command = qwen_code.entry_command
    return [ScanResult("Qwen Code", str(home.qwen_dir / "oauth_creds.json"), state, command, login.provider)]


def qwen_code_settings(home: Home, environ: Mapping[str, str], providers: Providers) -> list[ScanResult]:
    """The services in Qwen Code's `settings.json`. A file that cannot be read counts as none."""
    path = home.qwen_dir / "settings.json"
    settings = read_object(path)
    variables, entries = settings.get("env"), settings.get("modelProviders")
    keys = variables if isinstance(variables, Mapping) else {}
    rows = entries.get("openai") if isinstance(entries, Mapping) else None
    found: dict[str, ScanResult] = {}
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
) -> ScanResult:
    """One service of `settings.json`. The command refers to its key and never copies it."""
    url = str(row["baseUrl"]).rstrip("/")
    variable, model = str(row.get("envKey") or ""), str(row.get("id") or "")
    provider = provider_at(url, providers)
    parts = [model, url]
    if isinstance(key := keys.get(variable), str) and key:
        parts.append(f"{variable} {masked(key, variable)}")
    if variable and not environ.get(variable, "").strip():
        parts.append(_("{variable} is not in the environment yet", variable=variable))
    detail = " · ".join(redact(text) for text in parts if text)
    return ScanResult(
        "Qwen Code", path, detail, _command_to_add(provider, url, model, variable), provider, (model,)
    )


def _command_to_add(provider: str, base_url: str, model: str, variable: str) -> str:
    """The command that writes a provider entry, valid for every OpenClaw release."""
    models = [{"id": model, "name": model}] if model else []
    key = {"apiKey": f"${{{variable}}}"} if variable else {}
    fields = {"baseUrl": base_url, **key, "api": "openai-completions", "models": models}
    text = json.dumps(fields, ensure_ascii=False).replace("'", "\\u0027")
    return f"%openclaw config set models.providers.{provider} '{text}'"


def openclaw_home(home: Home, snapshot: Snapshot) -> list[ScanResult]:
    """The OpenClaw home, with the numbers of its services and logins; nothing for an empty one."""
    config = snapshot.config
    if not config.config and not snapshot.profiles:
        return []
    services, logins = len(config.provider_ids), len(snapshot.profiles)
    parts = (
        _("1 service") if services == 1 else _("{count} services", count=services),
        _("1 login") if logins == 1 else _("{count} logins", count=logins),
        _("default {model}", model=config.default_model or _("not chosen")),
    )
    detail = _(", ").join(parts)
    return [ScanResult("OpenClaw", str(home.state_dir), detail, "%openclaw models status")]
