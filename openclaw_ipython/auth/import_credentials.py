"""Import of credentials from Qwen Code's `settings.json` and `.env`, environment variables, and OpenClaw's `.env`.

A key in the environment is referred to (`${NAME}`), never copied. A key that is only in another program's file is
stored as a login, after the user has agreed.

Qwen Code (0.24) looks a key up in the process environment, then in the first `.env` it finds (`.qwen/.env` and `.env`
from the working directory upwards, then in its own folder and the home folder), then in `env` of `settings.json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.auth.key_login import VARIABLE, KeyLogins, KeySetup
from openclaw_ipython.auth.resolver import provider_keys
from openclaw_ipython.auth.stored_logins import is_key
from openclaw_ipython.errors import DocumentError
from openclaw_ipython.net.urls import base_url_problem
from openclaw_ipython.openclaw.files import read_text
from openclaw_ipython.openclaw.json5.parse import mapping_at, member_at
from openclaw_ipython.openclaw.reading import read_object
from openclaw_ipython.providers import Provider, Providers
from openclaw_ipython.providers.addresses import address_from
from openclaw_ipython.providers.guesses import unlisted
from openclaw_ipython.providers.lookup import provider_at
from openclaw_ipython.sanitize.secrets import Secret, mask

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import LoginOutcome
    from openclaw_ipython.openclaw.paths import Home
    from openclaw_ipython.runtime.env import Runtime

_DOTENV_LINE = r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)"
OPENAI_COMPATIBLE = "openai-compatible"
"""The provider for the address in OPENAI_BASE_URL."""

_OPENAI_VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_KEY", ("OPENAI_MODEL", "QWEN_MODEL"))


class ImportableService(Struct, frozen=True):
    """A service with a key that can be imported. `variable` is the variable of a key in the environment."""

    source: str
    provider: Provider
    base_url: str
    key: Secret
    variable: str = ""

    @property
    def shown_key(self) -> str:
        """The key, masked."""
        return mask(self.key.reveal())

    @property
    def outcome(self) -> str:
        """What the import does with the key, in a few words."""
        return f"used where it is: {self.variable}" if self.variable else "the key is stored as a login"


class CredentialImport:
    """Finds and imports credentials into one home."""

    def __init__(self, home: Home, providers: Providers, runtime: Runtime, keys: KeyLogins) -> None:
        self._home = home
        self._providers = providers
        self._environ = runtime.environ
        self._keys = keys

    def found(self, folder: Path) -> list[ImportableService]:
        """The services with a usable key, one for each address; `folder` is the one where Qwen Code would run.

        An unreadable file counts as missing.
        """
        found: dict[str, ImportableService] = {}
        for service in [*self._from_qwen_code(folder), *self._from_variables()]:
            found.setdefault(service.base_url, service)
        return _with_unique_ids(list(found.values()), self._providers)

    def import_services(
        self, services: Sequence[ImportableService], *, set_default: bool = False
    ) -> list[LoginOutcome]:
        """Store the services, in order. Raises DocumentError and ConfigError as a login does."""
        outcomes = []
        for number, service in enumerate(services):
            known = service.provider.id in self._providers and service.provider.local is None
            setup = KeySetup(
                service.provider,
                service.base_url,
                key=service.key,
                in_place=bool(service.variable),
                variable=service.variable,
                models=() if known else service.provider.models,
                set_default=set_default and number == 0,
            )
            outcomes.append(self._keys.record(setup))
        return outcomes

    # -- sources --

    def _from_qwen_code(self, folder: Path) -> Iterator[ImportableService]:
        path = self._home.qwen_dir / "settings.json"
        settings = read_object(path)
        file, dotenv = self._dotenv(folder)
        own = {k: v for k, v in mapping_at(settings, "env").items() if isinstance(v, str)}
        sources = [("", self._environ), (str(file), dotenv), (str(path), own)]
        for row in _rows(settings):
            variable = str(row.get("envKey") or "")
            found = _lookup(variable, sources)
            if found is not None:
                yield from self._service(found, str(path), row, variable)
        yield from self._from_openai_variables(sources)
        old, named = mapping_at(settings, "security", "auth"), member_at(settings, ("model", "name"))
        if isinstance(old.get("apiKey"), str):
            yield from self._service((str(path), old["apiKey"]), str(path), {**old, "id": named}, "")

    def _from_openai_variables(
        self, sources: Sequence[tuple[str, Mapping[str, str]]]
    ) -> Iterator[ImportableService]:
        """The variables of the OpenAI libraries, which Qwen Code reads as well."""
        base_url, name, models = _OPENAI_VARIABLES
        address, found = _lookup(base_url, sources), _lookup(name, sources)
        if address is None or found is None:
            return
        model = next((m[1] for word in models if (m := _lookup(word, sources))), None)
        row = {"baseUrl": address_from(address[1], 443), "id": model}
        yield from self._service(found, base_url, row, name, otherwise=OPENAI_COMPATIBLE)

    def _from_variables(self) -> Iterator[ImportableService]:
        """The variables of the built-in providers, in the environment and in OpenClaw's `.env`."""
        file = self._home.state_dir / ".env"
        for source, variables in (("", self._environ), (str(file), _dotenv(file))):
            for provider in self._providers.values():
                if provider.key_login is None:
                    continue
                key = next(iter(provider_keys(provider.id, variables, provider.key_variables)), None)
                if key is not None and key.name in variables:
                    row = {"baseUrl": self._keys.address(provider)}
                    yield from self._service((source, key.value.reveal()), key.name, row, key.name)

    def _dotenv(self, folder: Path) -> tuple[Path | None, dict[str, str]]:
        """The first `.env` that Qwen Code would find, and its variables."""
        places = [p / name for p in (folder, *folder.parents) for name in (".qwen/.env", ".env")]
        places += [self._home.qwen_dir / ".env", self._home.user_home / ".env"]
        path = next((place for place in places if place.is_file()), None)
        return (path, _dotenv(path)) if path else (None, {})

    def _service(
        self,
        found: tuple[str, str],
        source: str,
        row: Mapping[str, Any],
        variable: str,
        *,
        otherwise: str = "qwen-code",
    ) -> Iterator[ImportableService]:
        """The service of a row, if it is usable. `found`: the file of the key (empty: the environment), and the key.

        `otherwise` is the id of a provider at an address that no built-in one has.
        """
        place, value = found
        url = str(row.get("baseUrl") or "").rstrip("/")
        key = Secret(value.strip())
        if not is_key(key) or base_url_problem(url):
            return
        provider_id = provider_at(url, self._providers) or otherwise
        provider = self._providers.get(provider_id)
        if provider is None or provider.local is not None:
            custom = _custom_provider(provider_id, url, row)
            models = {"models": custom.models, "default_model": custom.default_model}
            provider = replace(provider, **models) if provider else custom
        named = variable if not place and re.fullmatch(VARIABLE, variable) else ""
        yield ImportableService(place or source, provider, url, key, named)


def _rows(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The models of `settings.json`, one row for each pair of address and key."""
    rows = member_at(settings, ("modelProviders", "openai"))
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, Mapping) and isinstance(url := row.get("baseUrl"), str):
            one = found.setdefault((url, str(row.get("envKey"))), {**row, "ids": []})
            one["ids"].append(row.get("id"))
    return list(found.values())


def _custom_provider(provider_id: str, url: str, row: Mapping[str, Any]) -> Provider:
    """A provider that is not built in, with the models of its row."""
    ids = [i for i in row.get("ids", [row.get("id")]) if isinstance(i, str) and i.isprintable() and i]
    models = tuple(map(unlisted, dict.fromkeys(ids)))
    return Provider(provider_id, provider_id, url, models, models[0].id if models else "")


def _with_unique_ids(services: list[ImportableService], providers: Providers) -> list[ImportableService]:
    """Each provider that is not built in gets an id of its own; a built-in one is listed once."""
    found: list[ImportableService] = []
    ids: set[str] = set()
    for service in services:
        provider = service.provider
        name = provider.id
        if name in providers and name in ids:
            continue
        number = 1
        while name in ids:
            number += 1
            name = f"{provider.id}-{number}"
        ids.add(name)
        if name != provider.id:
            provider = replace(provider, id=name, label=name)
        found.append(replace(service, provider=provider))
    return found


def _lookup(variable: str, sources: Sequence[tuple[str, Mapping[str, str]]]) -> tuple[str, str] | None:
    """The place and the value of a variable in the first of `sources` that has it."""
    return next(
        ((place, value) for place, values in sources if (value := values.get(variable, "").strip())), None
    )


# -- files ---------------------------------------------------------------------------------


def dotenv(text: str) -> dict[str, str]:
    """The variables of a `.env` file: `NAME=value` lines without quotes and comments."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(_DOTENV_LINE, line)
        if match is None:
            continue
        value = match[2].strip()
        if value[:1] in {'"', "'"} and (end := value.find(value[0], 1)) > 0:
            value = value[1:end]
        else:
            value = re.split(r"(?:^|\s)#", value, maxsplit=1)[0].strip()
        found[match[1]] = value
    return found


def _dotenv(path: Path) -> dict[str, str]:
    try:
        found = read_text(path)
    except DocumentError:
        return {}
    return dotenv(found[0]) if found else {}
