"""Taking over what others are set up with: Qwen Code's `settings.json` and `.env`, variables, OpenClaw's `.env`.

By reference where that works: a key of the environment is named (`${NAME}`), never copied. A key that is only in
another program's file is stored as a login of ours, once the person agreed.

Qwen Code (0.24) looks a key up in the process environment, then in the first `.env` it finds (`.qwen/.env` and `.env`
from the working directory upwards, then in its own folder and the home folder), then in `env` of `settings.json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_ipython.auth.key_login import VARIABLE, KeyLogins, KeySetup
from openclaw_ipython.auth.keys import keys_of
from openclaw_ipython.auth.logins import is_key
from openclaw_ipython.errors import DocumentError
from openclaw_ipython.net.urls import https_host, is_loopback
from openclaw_ipython.openclaw.files import read_text
from openclaw_ipython.openclaw.reading import read_object
from openclaw_ipython.providers import ModelSpec, Provider, Providers
from openclaw_ipython.providers.addresses import provider_at
from openclaw_ipython.providers.guesses import guessed
from openclaw_ipython.sanitize.secrets import Secret, mask

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import LoginOutcome
    from openclaw_ipython.openclaw.paths import Home

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_PLAIN = ("OPENAI_BASE_URL", "OPENAI_API_KEY", ("OPENAI_MODEL", "QWEN_MODEL"))


@dataclass(frozen=True, slots=True)
class Service:
    """One service that could be taken over. `variable` is set where the key is in the environment, under that name."""

    source: str
    provider: Provider
    base_url: str
    key: Secret
    variable: str = ""

    @property
    def shown_key(self) -> str:
        """The key as its owner may be shown it."""
        return mask(self.key.reveal())

    @property
    def outcome(self) -> str:
        """What taking it over does with the key, in a few words."""
        return f"used as ${{{self.variable}}}" if self.variable else "the key is stored as a login"


class Importing:
    """What can be taken over into one home."""

    def __init__(self, home: Home, providers: Providers, environ: Mapping[str, str], keys: KeyLogins) -> None:
        self._home = home
        self._providers = providers
        self._environ = environ
        self._keys = keys

    def found(self, folder: Path) -> list[Service]:
        """The services that can be talked to with what is here; `folder` is where Qwen Code would be run.

        A file that cannot be read counts as none. What is found twice is listed once.
        """
        kept: dict[str, Service] = {}
        for service in [*self._of_qwen_code(folder), *self._of_variables()]:
            there = kept.get(service.base_url)
            if there is None:
                kept[service.base_url] = service
        return _named_apart(list(kept.values()), self._providers)

    def take_over(self, services: Sequence[Service], *, set_default: bool = False) -> list[LoginOutcome]:
        """Write them, the first one first. Raises DocumentError and ConfigError as signing in does."""
        outcomes = []
        for number, service in enumerate(services):
            known = service.provider.id in self._providers
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

    # -- where --

    def _of_qwen_code(self, folder: Path) -> Iterator[Service]:
        path = self._home.qwen_dir / "settings.json"
        settings = read_object(path)
        file, dotenv = self._dotenv(folder)
        kept = _texts(settings.get("env"))
        look = [("", self._environ), (str(file), dotenv), (str(path), kept)]
        for row in _rows(settings):
            variable = str(row.get("envKey") or "")
            found = _lookup(variable, look)
            if found is not None:
                yield from self._service(found, str(path), row, variable)
        yield from self._plain(look)
        auth = settings.get("security")
        old = auth.get("auth") if isinstance(auth, Mapping) else None
        if isinstance(old, Mapping) and isinstance(old.get("apiKey"), str):
            model = settings.get("model")
            named = model.get("name") if isinstance(model, Mapping) else None
            yield from self._service((str(path), old["apiKey"]), str(path), {**old, "id": named}, "")

    def _plain(self, look: Sequence[tuple[str, Mapping[str, str]]]) -> Iterator[Service]:
        """The variables of the OpenAI libraries, which also set up Qwen Code."""
        at, name, models = _PLAIN
        address, found = _lookup(at, look), _lookup(name, look)
        if address is None or found is None:
            return
        model = next((m[1] for word in models if (m := _lookup(word, look))), None)
        yield from self._service(found, at, {"baseUrl": address[1], "id": model}, name)

    def _of_variables(self) -> Iterator[Service]:
        """The variables that services known here are used with, and the ones in OpenClaw's own `.env`."""
        file = self._home.state_dir / ".env"
        for source, variables in (("", self._environ), (str(file), _dotenv(file))):
            for provider in self._providers.values():
                if provider.key_login is None:
                    continue
                key = next(iter(keys_of(provider.id, variables, provider.key_variables)), None)
                if key is not None and key.name in variables:
                    row = {"baseUrl": self._keys.address(provider)}
                    yield from self._service((source, key.value.reveal()), key.name, row, key.name)

    def _dotenv(self, folder: Path) -> tuple[Path | None, dict[str, str]]:
        """The first `.env` that Qwen Code would find, and what it says."""
        places = [p / name for p in (folder, *folder.parents) for name in (".qwen/.env", ".env")]
        places += [self._home.qwen_dir / ".env", self._home.user_home / ".env"]
        path = next((place for place in places if place.is_file()), None)
        return (path, _dotenv(path)) if path else (None, {})

    def _service(
        self, found: tuple[str, str], at: str, row: Mapping[str, Any], variable: str
    ) -> Iterator[Service]:
        """The service of a row with its key, if it can be used. `found`: where the key is (empty: here), the key."""
        place, value = found
        url = str(row.get("baseUrl") or "").rstrip("/")
        key = Secret(value.strip())
        if not is_key(key) or (https_host(url) is None and not is_loopback(url)):
            return
        provider_id = provider_at(url, self._providers)
        provider = self._providers.get(provider_id) or _own(provider_id, url, row)
        named = variable if not place and VARIABLE.fullmatch(variable) else ""
        yield Service(place or at, provider, url, key, named)


def _rows(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The models of `settings.json`, those of one address and key as one row."""
    entries = settings.get("modelProviders")
    rows = entries.get("openai") if isinstance(entries, Mapping) else None
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, Mapping) and isinstance(url := row.get("baseUrl"), str):
            one = found.setdefault((url, str(row.get("envKey"))), {**row, "ids": []})
            one["ids"].append(row.get("id"))
    return list(found.values())


def _own(provider_id: str, url: str, row: Mapping[str, Any]) -> Provider:
    """A service that is not known here, with the models it is used with."""
    ids = [i for i in row.get("ids", [row.get("id")]) if isinstance(i, str) and i.isprintable() and i]
    models = tuple(guessed(model) or ModelSpec(model, model) for model in dict.fromkeys(ids))
    return Provider(provider_id, provider_id, url, models, models[0].id if models else "")


def _named_apart(services: list[Service], providers: Providers) -> list[Service]:
    """A name of its own for every service that is not known here; a known one is taken over once."""
    found: list[Service] = []
    ids: set[str] = set()
    for service in services:
        name = service.provider.id
        if name in providers:
            if name in ids:
                continue
        else:
            number = 1
            while name in ids:
                number += 1
                name = f"{service.provider.id}-{number}"
        ids.add(name)
        named = service.provider if name == service.provider.id else _renamed(service.provider, name)
        found.append(replace(service, provider=named))
    return found


def _renamed(provider: Provider, name: str) -> Provider:
    return replace(provider, id=name, label=name)


def _lookup(variable: str, look: Sequence[tuple[str, Mapping[str, str]]]) -> tuple[str, str] | None:
    """Where a variable is set, and to what: the first of `look` that has it."""
    return next(
        ((place, value) for place, values in look if (value := values.get(variable, "").strip())), None
    )


# -- files ---------------------------------------------------------------------------------


def dotenv(text: str) -> dict[str, str]:
    """The variables of a `.env` file: `NAME=value` lines, quotes taken off, comments left out."""
    found = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
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


def _texts(value: Any) -> dict[str, str]:
    return {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, Mapping) else {}
