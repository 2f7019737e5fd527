"""One function per `%openclaw` subcommand, declared once: words, arguments and help live in the decorator.

The words are OpenClaw's own. A command returns a View (or None); no command prints. Help, completion
and "did you mean" all come from the table this file fills.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_ipython.config.refs import did_you_mean, suggest
from openclaw_ipython.errors import UsageError
from openclaw_ipython.shell import reports
from openclaw_ipython.shell.arguments import Option, Positional, Spec, parse
from openclaw_ipython.shell.login import login
from openclaw_ipython.shell.session import Session
from openclaw_ipython.shell.views import Facts, Raw, Said, Table, View, short

Run = Callable[[Session, dict[str, Any]], View | None]

JSON = Option(("--json",), "print JSON that a program can parse")
PLAIN = Option(("--plain",), "print bare words, one per line")
PROVIDER = Option(("--provider",), "the service, e.g. qwen-portal", "ID", kind="provider")
LOGIN_OPTIONS = (
    PROVIDER,
    Option(("--set-default",), "make its default model the default"),
    Option(("--wait",), "block until signed in (a terminal always does)"),
    Option(("--force",), "sign in although there is a valid login"),
    Option(("--open",), "also open the page in a browser on the kernel's machine"),
    Option(("--profile",), "the name of the login, `default` if not given", "NAME"),
)


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand: its words, what it takes, one line of help, and the function."""

    words: tuple[str, ...]
    spec: Spec
    help: str
    run: Run


COMMANDS: dict[tuple[str, ...], Command] = {}


def command(words: str, *arguments: Option | Positional) -> Callable[[Run], Run]:
    """Declare the subcommand `words`. The function's docstring is its help."""

    def declare(run: Run) -> Run:
        key = tuple(words.split())
        spec = Spec(
            f"%openclaw {words}",
            tuple(a for a in arguments if isinstance(a, Option)),
            tuple(a for a in arguments if isinstance(a, Positional)),
        )
        COMMANDS[key] = Command(
            key, spec, (run.__doc__ or "").strip().partition("\n")[0].replace("`", ""), run
        )
        return run

    return declare


def dispatch(session: Session, typed: Sequence[str]) -> View | None:
    """Run the subcommand that `typed` begins with. Raises UsageError for words that are none."""
    if not typed:
        return reports.overview(session, [(_line(c), c.help) for c in COMMANDS.values() if c.words in _FIRST])
    found, rest = find(typed)
    return found.run(session, parse(rest, found.spec))


def find(typed: Sequence[str]) -> tuple[Command, list[str]]:
    """The command with the most words that `typed` begins with, and the words after it."""
    for size in range(min(3, len(typed)), 0, -1):
        if (found := COMMANDS.get(tuple(typed[:size]))) is not None:
            return found, list(typed[size:])
    depth = 1
    while depth < len(typed) and any(words[:depth] == tuple(typed[:depth]) for words in COMMANDS):
        depth += 1
    start = tuple(typed[: depth - 1])
    if depth == len(typed) and any(words[:depth] == tuple(typed) for words in COMMANDS):
        follows = _next_words(tuple(typed))
        raise UsageError(
            f"%openclaw {' '.join(typed)} needs one of: {', '.join(follows)}",
            suggestions=follows,
            hint=f"%openclaw help {' '.join(typed)}",
        )
    wrong = typed[depth - 1]
    near = suggest(wrong, _next_words(start))
    raise UsageError(
        f"unknown command {' '.join([*start, wrong])!r}{did_you_mean(tuple(' '.join([*start, n]) for n in near))}",
        suggestions=near,
        hint="%openclaw help",
    )


def _next_words(start: tuple[str, ...]) -> tuple[str, ...]:
    size = len(start)
    return tuple(
        dict.fromkeys(words[size] for words in COMMANDS if len(words) > size and words[:size] == start)
    )


def _line(found: Command) -> str:
    return "%openclaw " + " ".join(found.words)


# -- signing in ----------------------------------------------------------------------------


@command(
    "login",
    Positional("service", "which one; qwen-portal if not named", required=False, kind="provider"),
    *LOGIN_OPTIONS,
)
def login_short(session: Session, values: dict[str, Any]) -> View | None:
    """Sign in: shows a link and a code, goes on by itself once you approve."""
    values["provider"] = values["provider"] or values["service"]
    return login(session, values, enables_plugin=True)


@command("models auth login", *LOGIN_OPTIONS)
def login_long(session: Session, values: dict[str, Any]) -> View | None:
    """The long form of `login`, as in OpenClaw."""
    return login(session, values, enables_plugin=False)


# -- models --------------------------------------------------------------------------------


@command(
    "models status", JSON, PLAIN, Option(("--check",), "fail the cell when a login is missing or ends soon")
)
def models_status(session: Session, values: dict[str, Any]) -> View | None:
    """Which models are chosen, and who is signed in."""
    status = reports.status(session)
    if values["check"]:
        reports.check(status)
    if values["json"]:
        return Raw(json.dumps(status, indent=2, ensure_ascii=False))
    if values["plain"]:
        return Raw(status["resolvedDefault"] or "")
    return reports.status_view(status)


@command("models list", Option(("--all",), "also models of services never set up"), PROVIDER, JSON, PLAIN)
def models_list(session: Session, values: dict[str, Any]) -> View | None:
    """The models, with what they read, how much, and what they are used for."""
    rows = reports.model_rows(session, everything=values["all"], provider=values["provider"])
    if values["json"]:
        return Raw(json.dumps({"count": len(rows), "models": rows}, indent=2, ensure_ascii=False))
    if values["plain"]:
        return Raw("\n".join(row["key"] for row in rows))
    table = [
        (
            r["key"],
            r["input"],
            reports.tokens(r["contextWindow"]),
            reports.yes_no(r["available"]),
            ", ".join(r["tags"]),
        )
        for r in rows
    ]
    return Table(
        ("Model", "Input", "Context", "Signed in", "Tags"),
        table,
        "no models are set up yet",
        "%openclaw login",
    )


@command("models set", Positional("model", "provider/model or alias", kind="model"))
def models_set(session: Session, values: dict[str, Any]) -> View | None:
    """Choose the model that answers when `%%qwen` names none."""
    chosen = session.client.models.set_default(values["model"])
    return Said(f"Default model: {chosen.ref}", more=(f"written to {short(chosen.path)}",))


@command("models set-image", Positional("model", "provider/model or alias", kind="model"))
def models_set_image(session: Session, values: dict[str, Any]) -> View | None:
    """Choose the model that answers questions with images."""
    chosen = session.client.models.set_image_default(values["model"])
    return Said(f"Image model: {chosen.ref}", more=(f"written to {short(chosen.path)}",))


@command("models aliases list", JSON, PLAIN)
def aliases_list(session: Session, values: dict[str, Any]) -> View | None:
    """The short names of models."""
    aliases = session.client.models.aliases()
    if values["json"]:
        return Raw(json.dumps({"aliases": aliases}, indent=2, ensure_ascii=False))
    if values["plain"]:
        return Raw("\n".join(f"{alias} {ref}" for alias, ref in aliases.items()))
    return Table(
        ("Alias", "Model"), list(aliases.items()), "no aliases", "%openclaw models aliases add NAME MODEL"
    )


@command(
    "models aliases add", Positional("name", "the short name"), Positional("model", "its model", kind="model")
)
def aliases_add(session: Session, values: dict[str, Any]) -> View | None:
    """Give a model a short name; it has one at most."""
    chosen = session.client.models.add_alias(values["name"], values["model"])
    return Said(f"Alias {values['name']} → {chosen.ref}", more=(f"written to {short(chosen.path)}",))


@command("models aliases remove", Positional("name", "the short name", kind="alias"))
def aliases_remove(session: Session, values: dict[str, Any]) -> View | None:
    """Forget a short name."""
    path = session.client.models.remove_alias(values["name"])
    return Said(f"Alias {values['name']} removed", more=(f"written to {short(path)}",))


# -- plugins -------------------------------------------------------------------------------


@command("plugins list", JSON)
def plugins_list(session: Session, values: dict[str, Any]) -> View | None:
    """The plugins of the services known here, and whether they are enabled."""
    rows = session.client.accounts.plugins()
    if values["json"]:
        plain = [{"id": r.id, "provider": r.provider, "enabled": r.enabled} for r in rows]
        return Raw(json.dumps({"plugins": plain}, indent=2))
    states = {True: "enabled", False: "disabled", None: "not set"}
    return Table(("Plugin", "Service", "State"), [(r.id, r.provider, states[r.enabled]) for r in rows])


@command("plugins enable", Positional("plugin", "its id", kind="plugin"))
def plugins_enable(session: Session, values: dict[str, Any]) -> View | None:
    """Enable a service's plugin, here and in OpenClaw."""
    return _plugin(session, values["plugin"], enabled=True)


@command("plugins disable", Positional("plugin", "its id", kind="plugin"))
def plugins_disable(session: Session, values: dict[str, Any]) -> View | None:
    """Disable a service's plugin, here and in OpenClaw."""
    return _plugin(session, values["plugin"], enabled=False)


def _plugin(session: Session, plugin: str, *, enabled: bool) -> View:
    path = session.client.accounts.set_plugin(plugin, enabled)
    more = [f"written to {short(path)}"]
    if reports.gateway_runs(session):
        more.append("a Gateway runs on this machine: restart it to take this over")
    return Said(f"Plugin {plugin} {'enabled' if enabled else 'disabled'}", more=tuple(more))


# -- about ---------------------------------------------------------------------------------


@command("debug", Positional("state", "on or off", choices=("on", "off")))
def debug(session: Session, values: dict[str, Any]) -> View | None:
    """Full tracebacks, and the steps taken in the log (never bodies or secrets)."""
    session.options.debug = values["state"] == "on"
    return Said(f"Debugging is {values['state']}")


@command("version")
def version(session: Session, values: dict[str, Any]) -> View | None:
    """Versions of this extension, IPython, the kernel, and the front end."""
    return reports.version(session)


@command("help", Positional("command", "what to explain", required=False, rest=True))
def help_(session: Session, values: dict[str, Any]) -> View | None:
    """All commands, or one of them in detail."""
    typed = values["command"]
    if not typed:
        commands = [
            ("%%qwen [MODEL] [options]", "ask: the cell is the prompt"),
            ("%qwen [options] PROMPT", "ask in one line"),
        ]
        return Facts("%openclaw commands", (), [*commands, *((_line(c), c.help) for c in COMMANDS.values())])
    if typed not in COMMANDS and any(words[: len(typed)] == typed for words in COMMANDS):
        group = [c for words, c in COMMANDS.items() if words[: len(typed)] == typed]
        return Facts(f"%openclaw {' '.join(typed)} …", (), [(_line(c), c.help) for c in group])
    found, _ = find(typed)
    options = [
        (f"{', '.join(o.names)}{' ' + o.metavar if o.metavar else ''}", o.help) for o in found.spec.options
    ]
    places = [(p.name.upper(), p.help) for p in found.spec.positionals if p.help]
    return Facts(found.spec.usage, [("", found.help)], [*places, *options])


_FIRST = {("login",), ("models", "set"), ("models", "list"), ("models", "status"), ("help",)}
