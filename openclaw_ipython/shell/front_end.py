"""The front end that a session runs in, and whether a person can answer questions there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct


class FrontEnd(Struct, frozen=True):
    """The front end of the running cell.

    `attended` is False where no person can act on what is shown. `label` is for messages and reports only.
    """

    kind: Literal["terminal", "notebook"]
    attended: bool
    label: str

    def can_answer(self) -> bool:
        """Whether a person can answer a prompt: not where the standard input is a file or a pipe."""
        return self.attended and (self.kind != "terminal" or _has_terminal())


YES = frozenset({"y", "yes", "是"})
"""The answers that mean yes."""


def answer_to(question: str) -> str:
    """What the person types, in lower case; empty where the terminal was closed."""
    try:
        return input(question).strip().lower()
    except EOFError:
        return ""


def detect(shell: Any, environ: Mapping[str, str]) -> FrontEnd:
    """The front end of `shell` now: whether input is allowed can differ from cell to cell."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return FrontEnd("terminal", attended=True, label="terminal IPython")
    # ipykernel keeps this per request; nbconvert and papermill run cells with it off.
    attended = bool(getattr(kernel, "_allow_stdin", True))
    label = next((label for name, label in _LABELS.items() if environ.get(name)), "a Jupyter kernel")
    label = label if attended else "a run without a person (nbconvert, papermill, …)"
    return FrontEnd("notebook", attended, label)


def _has_terminal() -> bool:
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # no standard input, or a closed one
        return False


# What a front end sets in the environment of its kernels.
_LABELS = {
    "VSCODE_PID": "VS Code",
    "VSCODE_CWD": "VS Code",
    "COLAB_RELEASE_TAG": "Colab",
    "JUPYTERHUB_API_URL": "JupyterHub",
    "JPY_SESSION_NAME": "JupyterLab or Notebook",
}
