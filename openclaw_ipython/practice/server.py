"""A small HTTP/1.1 server on the loopback interface for a request handler.

It listens on 127.0.0.1 and requires a Host header that names the loopback interface, against DNS rebinding.
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
from openclaw_ipython.practice.http_types import (
    NO_RESPONSE,
    Cut,
    HttpRequest,
    HttpResponse,
    Pause,
    RequestHandler,
    Stall,
    Step,
)

HOST = "127.0.0.1"
_LOOPBACK_NAME = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?\Z", re.I)
_MAX_BODY = 64 * 1024 * 1024
_HOUR = 3600.0


def is_loopback_host(host: str) -> bool:
    """Whether a Host header (RFC 9110 §7.2) names the loopback interface."""
    return _LOOPBACK_NAME.match(host) is not None


class _Disconnected(OSError):
    """The client closed the connection."""


class _ConnectionHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # every delta leaves at once
    server: _Server

    def _serve(self) -> None:
        request = self._read()
        if request is None:
            return
        count = _ChunkCount()
        try:
            self._send(self.server.handler.handle(request), count)
        except OSError:
            self.close_connection = True
            if not self.server.stopping.is_set():
                self.server.handler.client_disconnected(request, count.sent)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    # -- reading ---------------------------------------------------------------------------

    def _read(self) -> HttpRequest | None:
        """The request; None after refusing one that cannot be read."""
        length = self.headers.get("content-length", "0")
        host = self.headers.get("host", "")
        refusal = self._refusal(host, length)
        if refusal is not None:
            self._refuse(*refusal)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the client disconnected
            self.close_connection = True
            return None
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return HttpRequest(self.command, f"http://{host}", path, query, headers, body)

    def _refusal(self, host: str, length: str) -> tuple[int, str] | None:
        if not is_loopback_host(host):
            return 403, "this portal answers only under the names of this computer"
        if "transfer-encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return 411, "send a Content-Length"
        if len(length) > 12 or int(length) > _MAX_BODY:
            return 413, "the body is too large"
        return None

    def _refuse(self, status: int, reason: str) -> None:
        self.close_connection = True  # the body may still follow
        body = json.dumps({"error": {"code": "refused", "message": reason}}).encode()
        headers = {"content-type": "application/json", "connection": "close"}
        self.connection.sendall(_head(status, headers | {"content-length": str(len(body))}) + body)

    # -- sending ---------------------------------------------------------------------------

    def _send(self, response: HttpResponse, count: _ChunkCount) -> None:
        self._pause(response.delay)
        if response.status == NO_RESPONSE:
            self.close_connection = True
        elif isinstance(response.body, bytes):
            headers = dict(response.headers) | {"content-length": str(len(response.body))}
            self.connection.sendall(_head(response.status, headers) + response.body)
        else:
            headers = dict(response.headers) | {"transfer-encoding": "chunked"}
            self.connection.sendall(_head(response.status, headers))
            self._send_steps(response.body, count)

    def _send_steps(self, steps: Iterable[Step], count: _ChunkCount) -> None:
        send = self.connection.sendall
        for step in steps:
            match step:
                case bytes():
                    if step:  # an empty chunk would end the body
                        send(b"%x\r\n%b\r\n" % (len(step), step))
                        count.sent += 1
                case Pause():
                    self._pause(step.seconds)
                case Stall():
                    while True:
                        self._pause(_HOUR)
                case Cut():
                    self.close_connection = True
                    return
        self._send_last_chunk()

    def _send_last_chunk(self) -> None:
        """Send the last chunk. A client that disconnects from here on has the complete response."""
        try:
            self.connection.sendall(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _pause(self, seconds: float) -> None:
        """Wait, watching the connection. Raises `OSError` as soon as the client closes it."""
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
            raise _Disconnected
        # The next request has arrived, so a read does not tell whether the client disconnects.
        if self.server.stopping.wait(seconds):
            raise _Disconnected

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: the terminal belongs to the caller."""


class _ChunkCount:
    """The number of chunks sent."""

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
    """Tracks its connections, so that `stop` closes them and ends their threads."""

    daemon_threads = True
    request_queue_size = 128
    # On Windows the option lets two programs use the same port.
    allow_reuse_address = os.name == "posix"
    allow_reuse_port = False

    def __init__(self, handler: RequestHandler, port: int) -> None:
        self.handler = handler
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._workers: list[threading.Thread] = []
        self._lock = threading.Lock()
        super().__init__((HOST, port), _ConnectionHandler)

    def server_bind(self) -> None:
        """Bind without the DNS lookup of the base class."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a new connection."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="practice-portal-connection",
            daemon=True,
        )
        with self._lock:
            self._open.add(request)
            self._workers = [*filter(threading.Thread.is_alive, self._workers), thread]
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnected; show the traceback of any other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Stop listening, close every connection, and wait for the threads."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:  # a closed socket's file descriptor could be reused meanwhile
            for connection in self._open:
                _shut_down(connection)
        for thread in self._workers:
            thread.join(timeout=5)


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # closed by the client


class PortalServer:
    """Listens while a `with` block runs: `with PortalServer(portal, 0) as origin`."""

    def __init__(self, handler: RequestHandler, port: int) -> None:
        self._handler = handler
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> str:
        self._server = _Server(self._handler, self._port)
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
