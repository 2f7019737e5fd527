"""`models scan`: local servers, keys in the environment, and what other programs are set up with.

The only requests are a short `GET /v1/models` to the usual ports of local servers. Keys are masked. Every result has
one command that uses it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.auth.resolver import provider_keys
from openclaw_ipython.chat.http_errors import parse_error_body
from openclaw_ipython.diagnostics.gateway_state import gateway_state
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.models.listing import listed_rows
from openclaw_ipython.net.http import HttpClient, HTTPError, read_capped
from openclaw_ipython.providers.addresses import ServerAddress, local_addresses, owner_of
from openclaw_ipython.sanitize.secrets import mask, redact
from openclaw_ipython.sanitize.text import json_value

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.auth.import_credentials import ImportableService
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


async def scan(
    store: Store,
    accounts: Accounts,
    providers: Providers,
    runtime: Runtime,
    *,
    http: HttpClient,
    addresses: Sequence[ServerAddress] | None = None,
    services: Sequence[ImportableService] = (),
    retirement: Callable[[str], str] = lambda provider_id: "",
) -> list[ScanResult]:
    """Everything on this machine that can be used. `addresses` replaces those at which local servers are looked for.
    `retirement` is the sentence that a provider has ended its sign-in, or empty.

    `services` are the credentials of other programs that can be imported. Raises DocumentError.
    """
    snapshot, home, environ = store.load(), store.home, runtime.environ
    servers = local_addresses(providers, environ, snapshot.config) if addresses is None else addresses

    def is_usable(provider_id: str) -> bool:
        try:
            return accounts.credential(provider_id) is not None
        except OpenClawError:
            return False

    def has_key(provider_id: str) -> bool:
        return is_usable(provider_id) and any(c.has_secret for c in accounts.credentials(provider_id))

    def ask(service: ImportableService) -> str:
        """The command that asks a service that has been imported already."""
        provider = service.provider
        entry = snapshot.config.provider(provider.id)
        if entry is not None and entry.base_url == service.base_url and is_usable(provider.id):
            return _command_to_ask(provider.id, provider, snapshot.config)
        return ""

    gateway = await gateway_state(http, snapshot.config, accounts, seconds=SECONDS, with_secret=False)
    keys = environment_keys(environ, providers, snapshot.config)
    login = qwen_code_login(accounts.qwen_code, home, snapshot.config, runtime.clock())
    found = await local_servers(http, servers, is_usable, providers=providers, has_key=has_key)
    for row in (*keys, *login):
        ended = retirement(row.provider)
        found.append(replace(row, detail=f"{row.detail} · {ended}", command="") if ended else row)
    found += importable(services, [key.name for key in keys], ask)
    if gateway.version:
        what, fix = gateway.fix  # what is in the way of asking its agents
        detail = f"Gateway {gateway.version} · {what}" if what else f"Gateway {gateway.version}"
        found.append(ScanResult("OpenClaw", gateway.url, detail, fix or "%openclaw agents", "openclaw"))
    return [*found, *openclaw_home(home, snapshot)]


# -- local servers -------------------------------------------------------------------------


class ListAnswer(Struct, frozen=True):
    """What a server lists: the ids of its models, and the owner in its list. `wants_key`: it refused to list them."""

    models: tuple[str, ...] = ()
    owner: str = ""
    wants_key: bool = False


async def local_servers(
    http: HttpClient,
    addresses: Sequence[ServerAddress],
    is_usable: Callable[[str], bool],
    seconds: float = SECONDS,
    *,
    providers: Providers | None = None,
    has_key: Callable[[str], bool] = lambda provider_id: False,
) -> list[ScanResult]:
    """The servers that answer with a list of models, or that want a key for it, all asked at the same time.

    `is_usable` says whether a provider can be used without setting it up, `has_key` whether there is a key for it. A
    server whose list names its kind counts as that one of `providers`, whatever its port.
    """
    answers = await asyncio.gather(*(_answer_at(http, address, seconds) for address in addresses))
    found = []
    for address, answer in zip(addresses, answers, strict=True):
        if answer is None:
            continue
        owner = owner_of(answer.owner, providers) if providers is not None else None
        is_own = providers is not None and address.provider not in providers
        if owner is not None and owner != address.provider and not is_own:
            address = ServerAddress(owner, address.base_url, is_default=False)  # noqa: PLW2901 - the right one
        known = has_key if answer.wants_key else is_usable
        found.append(_server(address, answer, known(address.provider)))
    return found


async def _answer_at(http: HttpClient, address: ServerAddress, seconds: float) -> ListAnswer | None:
    """What a server answers; None for no server, or one of another kind."""
    try:
        async with (
            asyncio.timeout(seconds),
            aclosing(await http.send("GET", f"{address.base_url}/models", idle=seconds)) as response,
        ):
            body = await read_capped(response, _MAX_LIST_BYTES)
    except (HTTPError, TimeoutError):
        return None
    if response.status_code in {401, 403}:
        details = parse_error_body(body, response.headers)
        return ListAnswer(wants_key=True) if re.search(r"key|auth", details.message, re.I) else None
    return models_in(body) if response.is_success else None


def models_in(body: bytes) -> ListAnswer | None:
    """The list of models in a response to `GET /models`; None for any other body."""
    answer = json_value(body)
    if not isinstance(answer, dict) or (rows := listed_rows(answer)) is None:
        return None
    rows = [row for row in rows if isinstance(row, dict)]
    owners = (row["owned_by"] for row in rows if isinstance(row.get("owned_by"), str))
    return ListAnswer(tuple(row["id"] for row in rows if isinstance(row.get("id"), str)), next(owners, ""))


def _server(address: ServerAddress, answer: ListAnswer, usable: bool) -> ScanResult:
    provider, models = address.provider, answer.models
    region = "" if address.is_default else f" --region {address.base_url}"
    detail = _listed(models) if models else _("it has no model")
    command = f"%openclaw login --provider {provider}{region}"
    if answer.wants_key and usable and address.is_default:
        detail, command = _("there is a key for it"), f"%openclaw models list --refresh --provider {provider}"
    elif answer.wants_key:
        detail = _("it wants a key")
    elif usable and models and address.is_default:
        command = f"%%qwen {provider}/{models[0]}"
    return ScanResult("local server", address.base_url, detail, command, provider, models)


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


def importable(
    services: Sequence[ImportableService],
    known: Sequence[str],
    ask: Callable[[ImportableService], str] = lambda service: "",
) -> list[ScanResult]:
    """The services that an import takes over, but for those with a key in one of the `known` variables.

    `ask` gives a command that needs no import.
    """
    found = []
    for service in services:
        if service.variable and service.variable in known:
            continue
        models = tuple(model.id for model in service.provider.models)
        detail = " · ".join(map(redact, (*models[:1], service.base_url, service.shown_key)))
        command = ask(service) or f"%openclaw login --method import --provider {service.provider.id}"
        kind: Kind = "key" if service.variable else "Qwen Code"
        name = service.variable or service.source
        found.append(ScanResult(kind, name, detail, command, service.provider.id, models))
    return found


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
