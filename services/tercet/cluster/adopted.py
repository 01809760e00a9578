"""Listening sockets that somebody else has made: systemd, or the supervisor before this one."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from tercet.cluster import procnet
from tercet.cluster.address import Bind
from tercet.errors import ConfigError


def distinct(given: Sequence[socket.socket]) -> dict[int, socket.socket]:
    """By inode, each once; duplicates are closed.

    Raises:
        ConfigError: One does not listen, or is no TCP socket, or they are of several addresses.
    """
    kept: dict[int, socket.socket] = {}
    for each in given:
        _refuse_unless_listening(each)
        if kept.setdefault(procnet.inode(each), each) is not each:
            each.close()
    addresses = {address(each) for each in kept.values()}
    if len(addresses) > 1:
        raise ConfigError(
            f"the sockets handed over for one service listen on {len(addresses)} addresses: "
            + ", ".join(sorted(map(str, addresses))),
            hint="hand over sockets of one address for each service",
            reason="BAD_SOCKET",
        )
    return kept


def address(of: socket.socket) -> Bind:
    host, port, *_ = of.getsockname()
    return Bind(host=host, port=port)


def is_v6only(of: socket.socket) -> bool:
    return of.family == socket.AF_INET6 and bool(
        of.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    )


def may_have_others_beside(it: socket.socket) -> bool:
    return bool(it.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT))


def listens(it: socket.socket) -> bool:
    return bool(it.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _refuse_unless_listening(given: socket.socket) -> None:
    is_tcp = (
        given.family in (socket.AF_INET, socket.AF_INET6)
        and given.type == socket.SOCK_STREAM
        and given.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) == socket.IPPROTO_TCP
    )
    if not is_tcp or not listens(given):
        raise ConfigError(
            f"descriptor {given.fileno()}, which was handed over, "
            + ("does not listen" if is_tcp else "is no TCP socket"),
            hint="hand over listening TCP sockets, as ListenStream= of a systemd socket unit does",
            reason="BAD_SOCKET",
        )
