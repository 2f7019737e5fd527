"""A small HTTP/1.1 server on the loopback interface for a request handler.

It listens on 127.0.0.1 and requires a Host header that names the loopback interface, against DNS rebinding.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import responses
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
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
    json_response,
)

HOST = "127.0.0.1"
_LOOPBACK_NAME = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?\Z", re.I)
_MAX_BODY = 64 * 1024 * 1024
_HOUR = 3600.0


def is_loopback_host(host: str) -> bool:
    """Whether a Host header (RFC 9110 §7.2) names the loopback interface."""
    return _LOOPBACK_NAME.match(host) is not None


class _ConnectionHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # every delta leaves at once
    server: _Server

    def _serve(self) -> None:
        request = self._read()
        if request is None:
            return
        self._sent = 0  # chunks
        try:
            self._send(self.server.handler.handle(request))
        except OSError:
            self.close_connection = True
            if not self.server.stopping.is_set():
                self.server.handler.client_disconnected(request, self._sent)

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
        error = {"code": "refused", "message": reason}
        self._send(json_response(status, {"error": error}, {"connection": "close"}))

    # -- sending ---------------------------------------------------------------------------

    def _send(self, response: HttpResponse) -> None:
        self._pause(response.delay)
        if response.status == NO_RESPONSE:
            self.close_connection = True
        elif isinstance(response.body, bytes):
            headers = dict(response.headers) | {"content-length": str(len(response.body))}
            self.connection.sendall(_head(response.status, headers) + response.body)
        else:
            headers = dict(response.headers) | {"transfer-encoding": "chunked"}
            self.connection.sendall(_head(response.status, headers))
            self._send_steps(response.body)

    def _send_steps(self, steps: Iterable[Step]) -> None:
        send = self.connection.sendall
        for step in steps:
            match step:
                case bytes():
                    if step:  # an empty chunk would end the body
                        send(b"%x\r\n%b\r\n" % (len(step), step))
                        self._sent += 1
                case Pause():
                    self._pause(step.seconds)
                case Stall():
                    while True:
                        self._pause(_HOUR)
                case Cut():
                    self.close_connection = True
                    return
        with suppress(OSError):  # a client that disconnects from here on has the complete response
            send(b"0\r\n\r\n")

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
        # If the next request has arrived, a read does not tell whether the client disconnects.
        if ended or self.server.stopping.wait(seconds):
            raise ConnectionAbortedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: the terminal belongs to the caller."""


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {responses.get(status, 'Unknown')}",
        f"server: practice-portal/{__version__}",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class _Server(ThreadingTCPServer):
    """Tracks its connections, so that `stop` closes them and ends their threads."""

    daemon_threads = True
    request_queue_size = 128
    # On Windows the option lets two programs use the same port.
    allow_reuse_address = os.name == "posix"

    def __init__(self, handler: RequestHandler, port: int) -> None:
        self.handler = handler
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._workers: list[threading.Thread] = []
        self._lock = threading.Lock()
        super().__init__((HOST, port), _ConnectionHandler)

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
                with suppress(OSError):  # closed by the client
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._workers:
            thread.join(timeout=5)


@contextmanager
def listening(handler: RequestHandler, port: int) -> Iterator[str]:
    """Listen while a `with` block runs: `with listening(portal, 0) as origin`."""
    server = _Server(handler, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="practice-portal", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.stop()
        thread.join(timeout=5)
