"""What the notebook holds, as IPython has it: names, cells with their outputs, the last exception.

The only module that knows where IPython keeps these. It only reads.
"""

from __future__ import annotations

import base64
import binascii
import inspect
import linecache
import re
import sys
import textwrap
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.context.names import Cell, CellFailure, Notebook
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.display_capture import IMAGE_TYPES, running_cell

if TYPE_CHECKING:
    from types import CodeType, FrameType

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
        return self.failure_of(error) if isinstance(error, BaseException) else None

    def failure_of(self, error: BaseException) -> CellFailure:
        """An exception that ended a cell, with that cell."""
        frames = [
            (frame, line, self._number_of(frame.f_code.co_filename))
            for frame, line in traceback.walk_tb(error.__traceback__)
        ]
        number = next((number for _frame, _line, number in frames if number is not None), None)
        line = next((line for _frame, line, at in reversed(frames) if at == number), None)
        if isinstance(error, SyntaxError) and (at := self._number_of(error.filename)) is not None:
            number, line = at, error.lineno
        if number is None:
            if (found := _script(error, frames)) is not None:
                return CellFailure(error, source=found[1], line=found[2], script=found[0])
            number = self._recorded(error)
        source = self.inputs[number] if number is not None and 0 < number < len(self.inputs) else ""
        functions = {
            frame.f_code: Cell(at, _function_source(frame.f_code))
            for frame, _line, at in frames
            if at is not None and at != number and frame.f_code.co_name != "<module>"
        }
        source = re.sub(_EMPTY_LINES, "", source)  # as IPython counts its lines
        return CellFailure(
            error, number, source, line, functions=tuple(cell for cell in functions.values() if cell.source)
        )

    def _recorded(self, error: BaseException) -> int | None:
        """The number of the cell that ended with `error`, which newer releases of IPython record as text."""
        recorded = getattr(self._shell.history_manager, "exceptions", None) or {}
        wanted = type(error).__name__, str(error)
        return max((at for at, e in recorded.items() if (e["ename"], e["evalue"]) == wanted), default=None)

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
        streams = ("out_stream", "err_stream")
        parts = ["".join(o.bundle["stream"]) for o in self._history(number) if o.output_type in streams]
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


def _script(
    error: BaseException, frames: Sequence[tuple[FrameType, int, int | None]]
) -> tuple[str, str, int | None] | None:
    """The path, the text and the line of the script that was run as the main program; None if there is none."""
    if isinstance(error, SyntaxError) and (text := "".join(linecache.getlines(error.filename or ""))):
        return error.filename or "", text, error.lineno
    for frame, line, _number in reversed(frames):
        path = frame.f_code.co_filename
        name = frame.f_globals.get("__name__", "__main__")  # `%run` removes it in the end
        if name == "__main__" and (text := "".join(linecache.getlines(path))):
            return path, text, line
    return None


def _function_source(code: CodeType) -> str:
    try:
        return textwrap.dedent(inspect.getsource(code))
    except (OSError, TypeError, IndentationError):
        return ""
