"""GET / over HTTP/1.1 with keep-alive; the answer's body is the pid of who gives it."""

from __future__ import annotations

from benchmarks.wire.connection import Connection


class Http1(Connection):
    def _request(self) -> bytes:
        return f"GET / HTTP/1.1\r\nHost: {self._address}\r\n\r\n".encode()

    def _read(self) -> None:
        head, end, body = bytes(self._received).partition(b"\r\n\r\n")
        if not end:
            return
        status, *fields = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)
        }
        if len(body) < int(headers.get("content-length", 0)):
            return
        self._received.clear()
        if headers.get("connection", "").lower() == "close":
            self._leave()
        if status.split()[1] == "200":
            self._answered(int(body))
        else:
            self._lose(f"HTTP {status.split()[1]}")
