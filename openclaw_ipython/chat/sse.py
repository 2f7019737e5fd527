"""An incremental decoder for server-sent events: bytes in, events out. No I/O, no JSON.

Follows the WHATWG HTML standard, "Server-sent events" §9.2.6 (interpreting an event stream): always UTF-8, one BOM
dropped, lines end in LF, CR or CRLF and nowhere else, one space after the colon dropped, unknown fields ignored, an
unfinished last event dropped. The one addition is the field `error`, which llama.cpp sends: an event of that name.
`str.splitlines` would not do: it also splits at U+2028, U+0085 and others.
"""

from __future__ import annotations

from typing import NamedTuple

from openclaw_ipython.errors import ProtocolError
from openclaw_ipython.i18n import _

EVENT_LIMIT = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event. `comment` is the last comment line inside it, where some services put a status."""

    data: str
    event: str = ""
    comment: str = ""


class EventDecoder:
    """Decodes an event stream in chunks of any size, in time linear in the bytes.

    An event of more than `limit` bytes makes `feed` raise ProtocolError, so that an endless line cannot fill the
    memory.
    """

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._tail = bytearray()  # an incomplete line
        self._after_cr = False
        self._first_line = True
        self._data = bytearray()  # every data line ends in a line feed, as in the standard
        self._event = b""
        self._comment = b""

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events completed by `chunk`, in order."""
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):  # the second half of a split CRLF
                chunk = chunk[1:]
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = chunk.split(b"\n")
        rest = lines.pop()
        events: list[ServerEvent] = []
        if lines:
            if self._tail:
                self._tail += lines[0]
                lines[0] = bytes(self._tail)
                self._tail.clear()
            if self._first_line:
                self._first_line = False
                lines[0] = lines[0].removeprefix(_BOM)
            for line in lines:
                if line:
                    self._field(line)
                elif self._data:
                    events.append(self._dispatch())
                else:
                    self._event = self._comment = b""
        if rest:
            self._tail += rest
            self._check(len(self._tail))
        return events

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name in (b"data", b"error"):
            if name == b"error":  # llama.cpp's own field, in place of an event of that name
                self._event = name
            self._data += value
            self._data += b"\n"
            self._check(len(self._data))
        elif name == b"event":
            self._event = value
        elif not name:
            # there may be any number of keep-alives: only the last one, shortened
            self._comment = value[:200]

    def _dispatch(self) -> ServerEvent:
        del self._data[-1]
        event = ServerEvent(
            self._data.decode("utf-8", "replace"),
            self._event.decode("utf-8", "replace"),
            self._comment.decode("utf-8", "replace"),
        )
        self._data.clear()
        self._event = self._comment = b""
        return event

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise ProtocolError(
                _("the service sent an event of more than {size} KiB", size=self._limit // 1024)
            )
