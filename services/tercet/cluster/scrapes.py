"""A small HTTP server for scrapes, in threads: a client of it can hold up no call.

Guarantees: so many connections at once and no more, none for longer than LONGEST, and stopping
waits for none of them.
"""

from __future__ import annotations

import concurrent.futures
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from tercet.cluster.address import Bind
from tercet.errors import ConfigError, Unavailable

log = logging.getLogger("tercet")

App = Callable[..., Iterable[bytes]]
PATH = "/metrics"
# Connections at once; each has a thread. More are closed.
MOST = 8
# Seconds from a connection's beginning to its end: Prometheus gives up after 10 by default.
LONGEST = 10.0
# Seconds between looks at who is late, and the longest that a stop waits.
POLL = 0.2


class Listener(ThreadingMixIn, WSGIServer):
    """Serves one WSGI application from a thread of its own.

    Args:
        where: An address, at which other processes may listen too, and the kernel chooses among
            them; or a socket that listens already, perhaps in other processes too. The listener
            owns it from now on.

    Raises:
        ConfigError: It cannot be bound.
    """

    daemon_threads = True
    allow_reuse_port = True
    request_queue_size = 64

    def __init__(self, where: Bind | socket.socket, app: App) -> None:
        self._open: dict[Any, float] = {}
        if isinstance(where, Bind):
            self._bind(where)
        else:
            self._adopt(where)
        self.set_app(app)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(POLL,), name="metrics", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Closes the port; returns when nobody accepts any more."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        for connection in list(self._open):
            _cut(connection)

    def _bind(self, bind: Bind) -> None:
        self.address_family = socket.AF_INET6 if bind.is_ipv6 else socket.AF_INET
        try:
            super().__init__((bind.host, bind.port), _Handler)
        except OSError as error:
            raise ConfigError(f"cannot bind {bind} for metrics: {error.strerror}") from error

    def _adopt(self, listening: socket.socket) -> None:
        self.address_family = listening.family
        # It makes a socket in any case.
        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        # Another process may have taken the connection that this one was woken for: without this it
        # would wait in accept() for the next one, and could not be stopped.
        listening.setblocking(False)
        self.socket = listening
        self.server_address = listening.getsockname()
        self._name()

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks a resolver for this host's name.
        TCPServer.server_bind(self)
        self._name()

    def _name(self) -> None:
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), int(port)
        self.setup_environ()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return len(self._open) < MOST

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Called by serve_forever, once in POLL at least."""
        now = time.monotonic()
        for connection, begin in list(self._open.items()):
            if now - begin > LONGEST:
                _cut(connection)

    def shutdown_request(self, request: Any) -> None:
        self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that went away is its own affair; anyone may connect and go away.
        log.debug("a scrape from %s failed", client_address, exc_info=True)


class _Handler(WSGIRequestHandler):
    # Seconds that one read or write may take.
    timeout = LONGEST

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def only_metrics(app: App) -> App:
    """Answers at PATH alone; 503 where what the application asks is too busy to answer.

    HEAD is answered as GET is, which is all that the application need know.
    """

    def get(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return _short(start_response, "404 Not Found", f"metrics are at {PATH}")
        try:
            return app(environ, start_response)
        except (TimeoutError, concurrent.futures.CancelledError, Unavailable):
            # The loop is too busy, or is ending.
            return _short(start_response, "503 Service Unavailable", "the server is busy")

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "HEAD":
            return _head(get, environ, start_response)
        return get(environ, start_response)

    return answer


def _head(app: App, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The status and the fields of the answer to GET (RFC 9110, section 9.3.2)."""
    begun: list[Any] = []
    length = sum(
        map(len, app({**environ, "REQUEST_METHOD": "GET"}, lambda *those: begun.extend(those)))
    )
    status, fields = begun
    start_response(status, [*fields, ("Content-Length", str(length))])
    return []


def _short(start_response: Any, status: str, text: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{text}\n".encode()]


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # It has ended meanwhile.
