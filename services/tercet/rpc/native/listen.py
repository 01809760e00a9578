"""Sockets for gRPC's address strings."""

from __future__ import annotations

import contextlib
import os
import socket
import stat

BACKLOG = 4096


def bind(address: str, *, reuse_port: bool) -> list[socket.socket]:
    """Binds an address: "host:port", "unix:path", "unix-abstract:name" or "fd:number".

    A name may have several addresses; all get the same port. They listen from now on, as in grpc:
    who connects before the server has started waits, and is not refused.

    Raises:
        RuntimeError: It cannot be bound, as grpc.aio says it.
    """
    try:
        return _bound(address, reuse_port)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"Failed to bind to address {address}: {error}") from error


def port_of(sockets: list[socket.socket]) -> int:
    """The TCP port; 1 for another kind of address, as grpc says it."""
    name = sockets[0].getsockname()
    return int(name[1]) if isinstance(name, tuple) else 1


def _bound(address: str, reuse_port: bool) -> list[socket.socket]:
    scheme, colon, rest = address.partition(":")
    if colon and scheme == "fd":
        return [socket.socket(fileno=os.dup(int(rest)))]
    if colon and scheme == "unix":
        return [_unix(rest[2:] if rest.startswith("//") else rest)]
    if colon and scheme == "unix-abstract":
        return [_unix("\0" + rest)]
    for prefix in ("ipv4:", "ipv6:", "dns:///", "dns:"):
        address = address.removeprefix(prefix)
    host, colon, port = address.rpartition(":")
    if not colon:
        raise ValueError("no port")
    host = host.removeprefix("[").removesuffix("]") or "::"
    return _tcp(host, int(port), reuse_port)


def _tcp(host: str, port: int, reuse_port: bool) -> list[socket.socket]:
    made: list[socket.socket] = []
    try:
        for family, kind, _, _, where in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            listener = socket.socket(family, kind)
            made.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                # "[::]" takes IPv4 too, as in grpc.
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
            listener.bind((where[0], port, *where[2:]))
            port = port or int(listener.getsockname()[1])
            listener.listen(BACKLOG)
    except OSError:
        for listener in made:
            listener.close()
        raise
    return made


def _unix(path: str) -> socket.socket:
    if not path.startswith("\0"):
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.stat(path).st_mode):
                os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
