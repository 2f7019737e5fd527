"""Where OpenClaw and Qwen Code keep their files, from the same variables as they use.

Pure: the environment, the home folder and a way to ask whether a file exists are passed in. Only `current_home` looks
at the real ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.i18n import _

_STATE_NAMES = (".openclaw", ".clawdbot", ".moldbot")
_CONFIG_NAMES = ("openclaw.json", "clawdbot.json", "moldbot.json")
_UNSET = frozenset({"", "undefined", "null"})  # written by scripts for a variable without a value


class Home(Struct, frozen=True):
    """The folders and files of one OpenClaw installation, and the Qwen Code folder next to it.

    `state_dir` is usually `~/.openclaw`; `own_dir` in it is ours. Nothing here needs to exist.
    """

    state_dir: Path
    config_path: Path
    agent_dir: Path
    own_dir: Path
    qwen_dir: Path
    user_home: Path

    @property
    def auth_profiles(self) -> Path:
        """The credentials of releases that keep them in JSON."""
        return self.agent_dir / "auth-profiles.json"

    @property
    def models_json(self) -> Path:
        """The model catalog OpenClaw derives from its configuration."""
        return self.agent_dir / "models.json"

    @property
    def sqlite_path(self) -> Path:
        """The state database of releases since June 2026."""
        return self.state_dir / "state" / "openclaw.sqlite"

    @property
    def agent_sqlite_path(self) -> Path:
        """The agent's own database of the same releases; the first of them had only this one."""
        return self.agent_dir / "openclaw-agent.sqlite"

    @property
    def own_config(self) -> Path:
        """Our additions to a configuration that is not ours to write."""
        return self.own_dir / "openclaw.json"

    @property
    def own_profiles(self) -> Path:
        """Our logins in a home whose credentials are not ours to write."""
        return self.own_dir / "auth-profiles.json"

    @property
    def journal(self) -> Path:
        """Our database of usage, conversations and cached answers."""
        return self.own_dir / "journal.sqlite"

    @property
    def budget(self) -> Path:
        """Our limits on what requests may cost."""
        return self.own_dir / "budget.json"

    @property
    def catalogue(self) -> Path:
        """Our list of the models that services offer."""
        return self.own_dir / "catalogue.json"

    @property
    def hosts(self) -> Path:
        """What hosts have refused of requests."""
        return self.own_dir / "hosts.json"


def locate(
    environ: Mapping[str, str],
    user_home: Path | None,
    exists: Callable[[Path], bool],
    *,
    cwd: Path | None = None,
) -> Home:
    """The files of an installation, by OpenClaw's rules.

    `OPENCLAW_HOME` replaces the home folder; `OPENCLAW_STATE_DIR` wins over it and moves everything;
    `OPENCLAW_CONFIG_PATH` moves only the configuration; `OPENCLAW_AGENT_DIR`, else `PI_CODING_AGENT_DIR`, is the
    agent's folder. Without `~/.openclaw` an older `~/.clawdbot` or `~/.moldbot` is used. `QWEN_HOME` is Qwen
    Code's folder, else `.qwen` in the (possibly replaced) home folder, where OpenClaw looks for it too.

    Relative values are taken from `cwd`, by default the current working directory: a notebook may change it.
    Raises `ConfigError` when neither a home folder nor `OPENCLAW_STATE_DIR` is known, and when a value is relative
    to a folder that is gone.
    """

    def named(name: str, home: Path | None) -> Path | None:
        text = environ.get(name, "").strip()
        return None if text in _UNSET else _absolute(text, home, cwd)

    home = named("OPENCLAW_HOME", user_home) or user_home
    state_dir = named("OPENCLAW_STATE_DIR", home)
    if state_dir is None:
        if home is None:
            raise ConfigError(
                _("there is no home folder to keep OpenClaw's files in"),
                hint=_("set OPENCLAW_STATE_DIR to a folder of yours"),
            )
        state_dir = _first([home / name for name in _STATE_NAMES], exists)
    # A process without a home (a container with an arbitrary user id) still has its state folder. The parent of that
    # may be open to everybody, so no login is read from there.
    home = home or state_dir
    return Home(
        state_dir=state_dir,
        config_path=named("OPENCLAW_CONFIG_PATH", home)
        or _first([state_dir / name for name in _CONFIG_NAMES], exists),
        agent_dir=named("OPENCLAW_AGENT_DIR", home)
        or named("PI_CODING_AGENT_DIR", home)
        or state_dir / "agents" / "main" / "agent",
        own_dir=state_dir / "ipython",
        qwen_dir=named("QWEN_HOME", user_home or home) or home / ".qwen",
        user_home=home,
    )


def current_home() -> Home:
    """The files of this process: its environment, its user, its working directory."""
    try:
        user_home: Path | None = Path.home()
    except RuntimeError:  # no HOME and no passwd entry
        user_home = None
    return locate(os.environ, user_home, exists)


def exists(path: Path) -> bool:
    """Whether `path` exists, as OpenClaw checks it: without permission to look it does not."""
    try:
        path.stat()
    except OSError:
        return False
    return True


def _first(candidates: list[Path], exists: Callable[[Path], bool]) -> Path:
    return next((path for path in candidates if exists(path)), candidates[0])


def _absolute(text: str, home: Path | None, cwd: Path | None) -> Path:
    if text == "~" or text.startswith(("~/", "~\\")):
        if home is None:
            raise ConfigError(
                _("{text!r} needs a home folder, and there is none", text=text),
                hint=_("give the whole path"),
            )
        return home / text[2:] if text[2:] else home
    path = Path(text)
    return path if path.is_absolute() else (cwd or _working_folder(text)) / path


def _working_folder(text: str) -> Path:
    try:
        return Path.cwd()
    except OSError:
        pass
    raise ConfigError(
        _("{text!r} starts from a working folder that is gone", text=text), hint=_("give the whole path")
    )
