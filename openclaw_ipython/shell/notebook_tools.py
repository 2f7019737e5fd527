"""The functions by which a model looks at a notebook: `--tools notebook`, and `--assist`. They only read.

Their results come from values, files and outputs, in which anybody may have written anything: they are marked as data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from openclaw_ipython.context.blocks import TextBudget, as_data
from openclaw_ipython.context.names import BrokenReference, Notebook, is_reference, look_up
from openclaw_ipython.context.prompt import cells_text
from openclaw_ipython.context.tables import describer_of
from openclaw_ipython.context.value_text import failure_text, value_text
from openclaw_ipython.errors import UsageError

NAME = "notebook"
"""What `--tools` calls all of them."""

LIMIT = 20_000
"""Characters of one result."""

_MOST_NAMES = 300


class NotebookTools:
    """The functions over one notebook. Their docstrings are for the model."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The functions by name."""
        return {
            "variables": self.variables,
            "describe": self.describe,
            "cells": self.cells,
            "last_error": self.last_error,
        }

    def variables(self) -> str:
        """List the variables of the notebook with their types and sizes."""
        found = [
            f"{name}: {_kind(value)}" for name, value in self._notebook.variables().items() if name[:1] != "_"
        ]
        more = len(found) - _MOST_NAMES
        lines = [*found[:_MOST_NAMES], *([f"… and {more} more"] if more > 0 else [])]
        return as_data("\n".join(lines) or "(no variables yet)")

    def describe(self, name: str) -> str:
        """Show a variable, e.g. "df", "df.columns" or "settings['depth']"; a table as columns and first rows."""
        if not is_reference(name) or name.startswith("_"):
            raise UsageError(f"{name!r} is not the name of a variable")
        try:
            value = look_up(name, self._notebook, modules=True)
        except KeyError:
            raise UsageError(f"there is no variable {name!r}") from None
        except BrokenReference as error:
            raise UsageError(f"{name!r} has no value ({error})") from None
        if isinstance(value, ModuleType):
            return as_data(_kind(value))
        found = value_text(value, LIMIT, self._notebook.inputs)
        return as_data(f"{name} ({found.kind}):\n{found.text}")

    def cells(self, which: str = "-5") -> str:
        """Show earlier cells with their text output: "3", "2-5", "-4" (the last four) or "all"."""
        return as_data(cells_text(which, self._notebook, TextBudget(LIMIT)).text or "(no cells yet)")

    def last_error(self) -> str:
        """Show the last exception of the notebook with its traceback and its cell."""
        failure = self._notebook.last_failure()
        return as_data(failure_text(failure) if failure is not None else "(no cell has failed yet)")


def _kind(value: Any) -> str:
    """The type of a value with its size, without looking into values of unknown types."""
    if isinstance(value, ModuleType):
        return f"module {value.__name__}"
    try:
        if (describer := describer_of(value)) is not None:
            return describer.summary(value)
    except Exception:  # of a property of a broken value
        pass
    size = f" of {len(value):,}" if type(value) in (str, bytes, list, dict, tuple, set, frozenset) else ""
    return f"{type(value).__name__}{size}"
