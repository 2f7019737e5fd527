"""Asking for a key without showing it. The only place where a person types one."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from openclaw_ipython.errors import LoginRequired, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.shell.front_end import FrontEnd


def ask_secret(front: FrontEnd, prompt: str, variables: Sequence[str] = ()) -> Secret:
    """What the person enters: hidden field in a notebook, no echo in a terminal.

    Raises LoginRequired where nobody can be asked (its hint names `variables`), UsageError for no answer.
    """
    if not can_be_asked(front):
        set_them = _("set {variables} in the environment", variables=_(" or ").join(variables))
        ways = set_them if variables else _("run this in a notebook")
        raise LoginRequired(_("there is nobody to ask for the key"), hint=ways)
    try:
        # ipykernel puts its own getpass there, which asks the front end
        return Secret(getpass.getpass(prompt).strip())
    except EOFError:
        pass
    raise UsageError(_("nothing was entered; nothing was written"))


def can_be_asked(front: FrontEnd) -> bool:
    """Whether somebody is there to answer a question."""
    return front.attended and (front.kind != "terminal" or _is_a_terminal())


def _is_a_terminal() -> bool:
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # no standard input, or a closed one
        return False
