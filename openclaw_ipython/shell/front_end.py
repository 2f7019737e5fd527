"""Which kind of front end is there, and whether somebody can answer questions. Facts, no display."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from openclaw_ipython.values import dataclass


@dataclass(frozen=True)
class Front:
    """`kind`: a terminal or a Jupyter kernel. `attended`: somebody is there to act on what is shown.

    `label` is for people and reports only; nothing is decided by it.
    """

    kind: Literal["terminal", "notebook"]
    attended: bool
    label: str


def detect(shell: Any, environ: Mapping[str, str]) -> Front:
    """Look at the shell as it is now: whether input is allowed belongs to the cell that runs."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return Front("terminal", attended=True, label="terminal IPython")
    # ipykernel keeps this per request; nbconvert and papermill run cells with it off
    attended = bool(getattr(kernel, "_allow_stdin", True))
    return Front(
        "notebook",
        attended,
        _label(environ) if attended else "a run without a person (nbconvert, papermill, …)",
    )


def _label(environ: Mapping[str, str]) -> str:
    if environ.get("VSCODE_PID") or environ.get("VSCODE_CWD"):
        return "VS Code"
    if environ.get("COLAB_RELEASE_TAG"):
        return "Colab"
    if environ.get("JUPYTERHUB_API_URL"):
        return "JupyterHub"
    if environ.get("JPY_SESSION_NAME"):
        return "JupyterLab or Notebook"
    return "a Jupyter kernel"
