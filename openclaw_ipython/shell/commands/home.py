"""The subcommands about this home and this program: settings, plugins, check-up, help."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from json import dumps
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from openclaw_ipython._version import __version__
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.commands.registry import COMMANDS, JSON, command, find, group
from openclaw_ipython.shell.options import AGENT_CELL, CELL
from openclaw_ipython.shell.parser import Option, Positional, Spec, json_as_typed, quotes_kept
from openclaw_ipython.shell.render.formats import NAMES, find_format
from openclaw_ipython.shell.views import (
    FactsView,
    MessageView,
    RawView,
    SectionsView,
    TableView,
    View,
    as_json,
    written_to,
)

if TYPE_CHECKING:
    from openclaw_ipython.diagnostics.findings import Finding
    from openclaw_ipython.openclaw.settings import Written
    from openclaw_ipython.shell.session import Session

PATH = Positional("path", 'for example models.providers."a.b".baseUrl', kind="setting", convert=quotes_kept)
_SEVERITY_MARKS = {"error": "✗", "warning": "!", "note": "·"}
PLUGIN = Positional("plugin", "its id", kind="plugin")

# -- settings ------------------------------------------------------------------------------


@command("config get", PATH, JSON)
def config_get(session: Session, *, path: str) -> View:
    """One setting of openclaw.json as it is typed there, secrets masked."""
    value = session.client.settings.get(path)
    return RawView(safe_text(value), data=value) if isinstance(value, str) else as_json(value)


@command(
    "config set",
    PATH,
    Positional(
        "value",
        "true, 8192, {a: 1}, text; ${NAME} is taken from the environment when it is used",
        convert=json_as_typed,
    ),
    Option(("--string",), "take the value as text, whatever it looks like"),
)
def config_set(session: Session, *, path: str, value: str, string: bool) -> View:
    """Write one setting into openclaw.json."""
    written = session.client.settings.set(path, value, as_text=string)
    return _written(session, written, f" = {dumps(written.value, ensure_ascii=False)}")


@command("config unset", PATH)
def config_unset(session: Session, *, path: str) -> View:
    """Take one setting out of openclaw.json."""
    return _written(session, session.client.settings.unset(path), " is unset")


def _written(session: Session, written: Written, what: str) -> View:
    details = (*written_to(written.file), *written.notes, *_restart(session))
    return MessageView(f"{written.path}{what}", details=details)


# -- plugins -------------------------------------------------------------------------------


@command("plugins list", JSON)
def plugins_list(session: Session) -> View:
    """The plugins of the services known here, and whether they are enabled."""
    rows = session.client.accounts.plugins()
    states = {True: _("enabled"), False: _("disabled"), None: _("not set")}
    return TableView(
        (_("Plugin"), _("Service"), _("State")),
        [(r.id, r.provider, states[r.enabled]) for r in rows],
        data={"plugins": [{"id": r.id, "provider": r.provider, "enabled": r.enabled} for r in rows]},
    )


@command("plugins disable", PLUGIN, enabled=False)
@command("plugins enable", PLUGIN, enabled=True)
def plugins_enable(session: Session, *, plugin: str, enabled: bool) -> View:
    """Enable or disable a service's plugin, here and in OpenClaw."""
    path = session.client.accounts.set_plugin(plugin, enabled)
    template = N_("Plugin {plugin} enabled") if enabled else N_("Plugin {plugin} disabled")
    return MessageView(_(template, plugin=plugin), details=(*written_to(path), *_restart(session)))


def _restart(session: Session) -> list[str]:
    """A sentence for the case that a Gateway runs here: its lock file is in the state folder."""
    runs = any(session.client.home.state_dir.glob("gateway*.lock"))
    return [_("a Gateway runs on this machine: restart it to apply the change")] if runs else []


# -- about ---------------------------------------------------------------------------------


@command(
    "doctor",
    JSON,
    Option(
        ("--probe",),
        "also ask the services whether they can be reached, and one tiny question with each login",
    ),
)
def doctor(session: Session, *, probe: bool) -> View:
    """Check files, logins and settings; each finding comes with the command that repairs it."""
    found = session.loop_thread.run(session.client.doctor.examine(probe=probe))
    is_fine = all(row.severity == "note" for row in found)
    data = {"ok": is_fine, "findings": [{**asdict(row), "fix": row.fix or None} for row in found]}
    if is_fine:
        return MessageView(_("No problem was found"), details=tuple(map(_note, found)), data=data)
    rows = [(_SEVERITY_MARKS[row.severity], row.where, row.what, row.fix) for row in found]
    return TableView(("", _("Where"), _("What is wrong"), _("To repair it")), rows, data=data)


def _note(row: Finding) -> str:
    if not row.fix.startswith(("%", "!")):
        return f"{row.where}: {row.what}"
    return _("{where}: {what}; to use it: {command}", where=row.where, what=row.what, command=row.fix)


@command("debug", Positional("state", "on or off", choices=("on", "off")))
def debug(session: Session, *, state: str) -> View:
    """Full tracebacks, and the steps taken in the log (never bodies or secrets)."""
    session.preferences.debug = state == "on"
    return MessageView(_("Debugging is on") if state == "on" else _("Debugging is off"))


@command("version")
def version(session: Session) -> View:
    """Versions of this extension, IPython, the kernel, and the front end."""
    names = ("IPython", "ipykernel", "ipywidgets", "httpx")
    facts = [("openclaw-ipython", __version__), *((name, _installed(name)) for name in names)]
    facts += [
        ("Python", platform.python_version()),
        (_("system"), platform.system()),
        (_("front end"), session.front.label),
    ]
    return FactsView(_("Versions"), facts)


def _installed(distribution: str) -> str:
    try:
        return installed(distribution)
    except PackageNotFoundError:
        return _("not installed")


@command("help", Positional("command", "what to explain", required=False, rest=True))
def help_(session: Session, *, command: tuple[str, ...]) -> View:
    """All commands, or one of them in detail."""
    qwen = ("%%qwen [MODEL] [options]", _("ask: the cell is the prompt"))
    agent = ("%%openclaw [AGENT] [options]", _("the cell goes to an agent of your OpenClaw Gateway"))
    if not command:
        from openclaw_ipython.shell.commands import overview_of_commands

        cells = [qwen, ("%qwen [options] PROMPT", _("ask in one line")), agent]
        sections = [(_(title), rows) for title, rows in overview_of_commands()]
        sections[0] = (sections[0][0], [*cells, *sections[0][1]])
        return SectionsView(sections, _("%openclaw help COMMAND explains one of them"))
    if command[0].lstrip("%") == "openclaw":
        return FactsView(agent[0], [("", agent[1])], _arguments(AGENT_CELL))
    if command[0].lstrip("%") == "qwen":
        formats = [(f"-f {name}", _(find_format(name).help)) for name in NAMES]
        return FactsView(qwen[0], [("", qwen[1])], [*_arguments(CELL), *formats])
    members = group(command)
    if (command not in COMMANDS and members) or len(members) > 1:
        commands = [(one.line, _(one.help)) for one in members]
        return FactsView(f"%openclaw {' '.join(command)} …", (), commands)
    found, _rest = find(command)
    return FactsView(found.spec.usage, [("", _(found.help))], _arguments(found.spec))


def _arguments(spec: Spec) -> list[tuple[str, str]]:
    """The arguments of a command with their meanings."""
    places = [(p.name.upper(), _(p.help)) for p in spec.positionals if p.help]
    options = [
        (f"{', '.join(o.names)}{' ' + o.metavar if o.metavar else ''}", _(o.help)) for o in spec.options
    ]
    return [*places, *options]
