"""The door on the loopback interface: a small HTTP/1.1 server around a portal. Thin, all I/O.

It listens on 127.0.0.1 only and answers only requests that name this computer: a page of another site
whose name was pointed at 127.0.0.1 (DNS rebinding) is refused by its Host header.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any

from openclaw_ipython._version import __version__
from openclaw_ipython.practice.wire import NO_ANSWER, Cut, Desk, Pause, Request, Response, Stall, Step

HOST = "127.0.0.1"
_LOOPBACK_NAME = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?\Z", re.I)
_MOST_BODY = 64 * 1024 * 1024
_HOUR = 3600.0


def names_this_computer(host: str) -> bool:
    """Whether a Host header (RFC 9110 §7.2) names the loopback interface."""
    return _LOOPBACK_NAME.match(host) is not None


class _Gone(OSError):
    """The client has closed the connection."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # every delta leaves at once
    server: _Server

    def _serve(self) -> None:
        request = self._read()
        if request is None:
            return
        progress = _Progress()
        try:
            self._send(self.server.desk.handle(request), progress)
        except OSError:
            self.close_connection = True
            if not self.server.stopping.is_set():
                self.server.desk.noticed_hang_up(request, progress.sent)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    # -- reading ---------------------------------------------------------------------------

    def _read(self) -> Request | None:
        """The request, or None after refusing one that cannot be read."""
        length = self.headers.get("content-length", "0")
        host = self.headers.get("host", "")
        refusal = self._refusal(host, length)
        if refusal is not None:
            self._refuse(*refusal)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # it left in the middle of asking
            self.close_connection = True
            return None
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, f"http://{host}", path, query, headers, body)

    def _refusal(self, host: str, length: str) -> tuple[int, str] | None:
        if not names_this_computer(host):
            return 403, "this portal answers only under the names of this computer"
        if "transfer-encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return 411, "send a Content-Length"
        if len(length) > 12 or int(length) > _MOST_BODY:
            return 413, "the body is too large"
        return None

    def _refuse(self, status: int, reason: str) -> None:
        self.close_connection = True  # a body may still be on its way
        body = json.dumps({"error": {"code": "refused", "message": reason}}).encode()
        headers = {"content-type": "application/json", "connection": "close"}
        self.connection.sendall(_head(status, headers | {"content-length": str(len(body))}) + body)

    # -- sending ---------------------------------------------------------------------------

    def _send(self, response: Response, progress: _Progress) -> None:
        self._pause(response.delay)
        if response.status == NO_ANSWER:
            self.close_connection = True
        elif isinstance(response.body, bytes):
            headers = dict(response.headers) | {"content-length": str(len(response.body))}
            self.connection.sendall(_head(response.status, headers) + response.body)
        else:
            headers = dict(response.headers) | {"transfer-encoding": "chunked"}
            self.connection.sendall(_head(response.status, headers))
            self._send_steps(response.body, progress)

    def _send_steps(self, steps: Iterable[Step], progress: _Progress) -> None:
        send = self.connection.sendall
        for step in steps:
            match step:
                case bytes():
                    if step:  # an empty chunk would end the body
                        send(b"%x\r\n%b\r\n" % (len(step), step))
                        progress.sent += 1
                case Pause():
                    self._pause(step.seconds)
                case Stall():
                    while True:
                        self._pause(_HOUR)
                case Cut():
                    self.close_connection = True
                    return
        self._end()

    def _end(self) -> None:
        """The last chunk. Everything was said before it, so a client that left by now did not hang up."""
        try:
            self.connection.sendall(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _pause(self, seconds: float) -> None:
        """Wait while watching the connection. Raises `OSError` as soon as the client closes it."""
        if seconds <= 0:
            return
        self.connection.settimeout(seconds)
        try:
            ended = not self.connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return
        finally:
            self.connection.settimeout(None)
        if ended:
            raise _Gone
        # The next request is already here, so reading tells nothing about hanging up: just wait.
        if self.server.stopping.wait(seconds):
            raise _Gone

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: whoever starts the portal has the terminal."""


class _Progress:
    """How many chunks of an answer have left."""

    sent = 0


def _head(status: int, headers: dict[str, str]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", f"server: practice-portal/{__version__}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that stopping ends them and leaves no thread behind."""

    daemon_threads = True
    request_queue_size = 128
    # On Windows the option would let two programs have the same port.
    allow_reuse_address = os.name == "posix"
    allow_reuse_port = False

    def __init__(self, desk: Desk, port: int) -> None:
        self.desk = desk
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._workers: list[threading.Thread] = []
        self._guard = threading.Lock()
        super().__init__((HOST, port), _Connection)

    def server_bind(self) -> None:
        """Bind without asking a name server what this computer is called, as the base class would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for a new connection."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="practice-portal-connection",
            daemon=True,
        )
        with self._guard:
            self._open.add(request)
            self._workers = [*filter(threading.Thread.is_alive, self._workers), thread]
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """The end of a connection."""
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not worth a traceback; anything else is a defect and shows one."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Stop listening, end every connection, and wait for the threads."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._guard:  # so that none of them is closed, and its number given away, meanwhile
            for connection in self._open:
                _shut(connection)
        for thread in self._workers:
            thread.join(timeout=5)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the client was quicker


class Served:
    """A portal that listens while a `with` block runs: `with Served(portal, 0) as url`."""

    def __init__(self, desk: Desk, port: int) -> None:
        self._desk = desk
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> str:
        self._server = _Server(self._desk, self._port)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="practice-portal",
            daemon=True,
        )
        self._thread.start()
        return f"http://{HOST}:{self._server.server_port}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join(timeout=5)
            self._server = self._thread = None
