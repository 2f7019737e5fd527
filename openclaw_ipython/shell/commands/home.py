"""The subcommands about this home and this program: settings, plugins, check-up, help."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.terminal import safe_text
from openclaw_ipython.shell.commands import checks, reports
from openclaw_ipython.shell.commands.table import COMMANDS, JSON, begins, command, find
from openclaw_ipython.shell.parser import Option, Positional, Spec, quotes_kept
from openclaw_ipython.shell.views import FactsView, MessageView, RawView, TableView, View, as_json, short

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.settings import Written
    from openclaw_ipython.shell.session import Session

PATH = Positional("path", 'for example models.providers."a.b".baseUrl', kind="setting", convert=quotes_kept)

# -- settings ------------------------------------------------------------------------------


@command("config get", PATH, JSON)
def config_get(session: Session, values: dict[str, Any]) -> View | None:
    """One setting of openclaw.json as it is typed there, secrets masked."""
    value = session.client.upkeep.settings.get(values["path"]).value
    if values["json"] or not isinstance(value, str):
        return as_json(value)
    return RawView(safe_text(value))


@command(
    "config set",
    PATH,
    Positional("value", "true, 8192, {a: 1}, text; ${NAME} is taken from the environment when it is used"),
    Option(("--string",), "take the value as text, whatever it looks like"),
)
def config_set(session: Session, values: dict[str, Any]) -> View | None:
    """Write one setting into openclaw.json; everything else in it stays as it is."""
    settings = session.client.upkeep.settings
    written = settings.set(values["path"], values["value"], as_text=values["string"])
    return _written(session, written, f" = {json.dumps(written.setting.value, ensure_ascii=False)}")


@command("config unset", PATH)
def config_unset(session: Session, values: dict[str, Any]) -> View | None:
    """Take one setting out of openclaw.json."""
    return _written(session, session.client.upkeep.settings.unset(values["path"]), " is unset")


def _written(session: Session, written: Written, what: str) -> View:
    more = [f"written to {short(written.file)}", *_restart(session)]
    return MessageView(f"{written.setting.path}{what}", details=tuple(more))


# -- plugins -------------------------------------------------------------------------------


@command("plugins list", JSON)
def plugins_list(session: Session, values: dict[str, Any]) -> View | None:
    """The plugins of the services known here, and whether they are enabled."""
    rows = session.client.accounts.plugins()
    if values["json"]:
        return as_json(
            {"plugins": [{"id": r.id, "provider": r.provider, "enabled": r.enabled} for r in rows]}
        )
    states = {True: "enabled", False: "disabled", None: "not set"}
    return TableView(("Plugin", "Service", "State"), [(r.id, r.provider, states[r.enabled]) for r in rows])


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
    more = [f"written to {short(path)}", *_restart(session)]
    return MessageView(f"Plugin {plugin} {'enabled' if enabled else 'disabled'}", details=tuple(more))


def _restart(session: Session) -> list[str]:
    runs = reports.gateway_runs(session)
    return ["a Gateway runs on this machine: restart it to take this over"] if runs else []


# -- about ---------------------------------------------------------------------------------


@command("doctor", JSON, Option(("--probe",), "also ask the services whether they can be reached"))
def doctor(session: Session, values: dict[str, Any]) -> View | None:
    """Look for what is wrong with files, logins and settings; each finding with the command that mends it."""
    found = session.bridge.run(session.client.upkeep.examine(probe=values["probe"]))
    return as_json(checks.findings(found)) if values["json"] else checks.findings_view(found)


@command("debug", Positional("state", "on or off", choices=("on", "off")))
def debug(session: Session, values: dict[str, Any]) -> View | None:
    """Full tracebacks, and the steps taken in the log (never bodies or secrets)."""
    session.options.debug = values["state"] == "on"
    return MessageView(f"Debugging is {values['state']}")


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
            ("%%qwen [MODEL] [options]", _("ask: the cell is the prompt")),
            ("%qwen [options] PROMPT", _("ask in one line")),
        ]
        return FactsView(
            _("%openclaw commands"), (), [*commands, *((c.line, _(c.help)) for c in COMMANDS.values())]
        )
    if typed[0].lstrip("%") == "qwen":
        from openclaw_ipython.shell.options import CELL
        from openclaw_ipython.shell.render.formats import NAMES, find_format

        what = _("ask: the cell is the prompt")
        formats = [(f"-f {name}", find_format(name).help) for name in NAMES]
        return FactsView("%%qwen [MODEL] [options]", [("", what)], [*_arguments(CELL), *formats])
    if typed not in COMMANDS and begins(typed):
        group = [c for words, c in COMMANDS.items() if words[: len(typed)] == typed]
        return FactsView(f"%openclaw {' '.join(typed)} …", (), [(c.line, _(c.help)) for c in group])
    found, _rest = find(typed)
    return FactsView(found.spec.usage, [("", _(found.help))], _arguments(found.spec))


def _arguments(spec: Spec) -> list[tuple[str, str]]:
    """What a command takes, each with what it means."""
    places = [(p.name.upper(), p.help) for p in spec.positionals if p.help]
    options = [(f"{', '.join(o.names)}{' ' + o.metavar if o.metavar else ''}", o.help) for o in spec.options]
    return [*places, *options]
