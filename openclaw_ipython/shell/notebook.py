"""What the notebook holds, as IPython has it: names, cells with their outputs, the last exception.

The only module that knows where IPython keeps these. It only reads.
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.context.names import Cell, CellFailure, Notebook
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.display_capture import IMAGE_TYPES, running_cell

if TYPE_CHECKING:
    from types import CodeType

    from openclaw_ipython.shell.display_capture import DisplayCapture

_RESULT = r"_{1,3}|_\d+"
_EMPTY_LINES = r"\A(?:[ \t]*\n)+"


class NotebookView(Notebook):
    """One shell's names, cells and failures. `capture` has what its cells displayed."""

    def __init__(self, shell: Any, capture: DisplayCapture | None = None) -> None:
        self._shell = shell
        self._capture = capture

    @property
    def names(self) -> Mapping[str, Any]:
        """The namespace, live."""
        return self._shell.user_ns  # type: ignore[no-any-return]

    def variables(self) -> Mapping[str, Any]:
        """The names a prompt may use: those of the notebook, and of IPython's own only the last results."""
        hidden = self._shell.user_ns_hidden
        return {
            name: value
            for name, value in self.names.items()
            if not (name in hidden and hidden[name] is value) or re.fullmatch(_RESULT, name)
        }

    def own_names(self) -> list[str]:
        """The names of the notebook, sorted: without IPython's own, and without those that begin with `_`."""
        return sorted(name for name in self.variables() if not name.startswith("_"))

    @property
    def running(self) -> int:
        """The number of the cell that runs now."""
        return running_cell(self._shell)

    @property
    def inputs(self) -> Sequence[str]:
        """The sources of the cells as typed, by number; the one that runs now is the last."""
        return self._shell.history_manager.input_hist_raw  # type: ignore[no-any-return]

    @property
    def results(self) -> Mapping[int, Any]:
        """What cells returned, by number: `Out`."""
        return self._shell.user_ns.get("_oh", {})  # type: ignore[no-any-return]

    def cell(self, number: int) -> Cell:
        """An earlier cell with its text output. Raises KeyError where there is none of that number."""
        if not 1 <= number < len(self.inputs):
            raise KeyError(number)
        return Cell(number, self.inputs[number], self._output(number))

    def images(self, number: int) -> list[tuple[str, bytes]]:
        """The images that cell `number` displayed, in order: MIME type and bytes."""
        found = []
        for bundle in self._displays(number):
            for kind in IMAGE_TYPES:
                if kind in bundle and (data := _bytes(bundle[kind])):
                    found.append((kind, data))
                    break
        return found

    def last_images(self) -> list[tuple[str, bytes]]:
        """The images of the latest cell that displayed any."""
        for number in range(self.running, 0, -1):
            if found := self.images(number):
                return found
        return []

    def last_failure(self) -> CellFailure | None:
        """The last exception that ended a cell, with that cell. None when there was none yet."""
        error = getattr(sys, "last_value", None)
        if not isinstance(error, BaseException):
            return None
        number, line = self._where(error)
        source = self.inputs[number] if number is not None and 0 < number < len(self.inputs) else ""
        return CellFailure(
            error, number, re.sub(_EMPTY_LINES, "", source), line
        )  # as IPython counts its lines

    def _where(self, error: BaseException) -> tuple[int | None, int | None]:
        """Number and line of the cell that `error` came out of: the last of its frames that is in one."""
        if isinstance(error, SyntaxError) and (number := self._number_of(error.filename)) is not None:
            return number, error.lineno
        found: tuple[int | None, int | None] = (None, None)
        trace = error.__traceback__
        while trace is not None:
            code: CodeType = trace.tb_frame.f_code
            number = self._number_of(code.co_filename)
            if number is not None and (found[0] is None or number == found[0]):
                found = (number, trace.tb_lineno)
            trace = trace.tb_next
        if found[0] is None:  # newer releases of IPython remember which cells failed
            failed = getattr(self._shell.history_manager, "exceptions", None)
            return (max(failed), None) if failed else (None, None)
        return found

    def _number_of(self, filename: str | None) -> int | None:
        named = self._shell.compile.format_code_name(filename) if filename else None
        match = re.fullmatch(r"In\[(\d+)\]", named[1]) if named else None
        return int(match[1]) if match else None

    def _displays(self, number: int) -> list[Mapping[str, Any]]:
        if self._capture is not None and (outputs := self._capture.outputs(number)):
            return list(outputs)
        return [o.bundle for o in self._history(number) if o.output_type == "display_data"]

    def _history(self, number: int) -> Sequence[Any]:
        """What IPython remembers of outputs: from release 9 on what was printed, in a terminal also displays."""
        outputs = getattr(self._shell.history_manager, "outputs", None) or {}
        return outputs.get(number, ())  # type: ignore[no-any-return]

    def _output(self, number: int) -> str:
        manager = self._shell.history_manager
        parts = ["".join(o.bundle["stream"]) for o in self._history(number) if o.output_type == "out_stream"]
        parts += [str(bundle.get("text/plain", "")) for bundle in self._displays(number)]
        parts.append(str(manager.output_hist_reprs.get(number, "")))
        failed = (getattr(manager, "exceptions", None) or {}).get(number)
        if failed:
            parts.append(f"{failed['ename']}: {failed['evalue']}")
        return "\n".join(text for part in parts if (text := final_text(part)))


def final_text(text: str) -> str:
    """Printed text without colours, and of a line that was overwritten its last state."""
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return safe_text("\n".join(lines)).strip("\n")


def _bytes(data: Any) -> bytes:
    """An image in a MIME bundle: bytes in the process, base64 on the wire."""
    if isinstance(data, bytes):
        return data
    try:
        return base64.b64decode(data)
    except (binascii.Error, TypeError, ValueError):
        return b""
