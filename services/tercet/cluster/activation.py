"""Listening sockets from systemd, by the protocol of sd_listen_fds(3).

They are the descriptors from 3 on, LISTEN_FDS of them, if LISTEN_PID is this process: `tercet up`
becomes the supervisor by exec, so it still is. A service takes those that have its address.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import MutableMapping

from tercet.cluster import adopted
from tercet.cluster.handed import Handed

log = logging.getLogger("tercet")

FIRST = 3
COUNT = "LISTEN_FDS"
MEANT = "LISTEN_PID"
NAMES = "LISTEN_FDNAMES"
# systemd's name for a socket that has been given none.
UNKNOWN = "unknown"


def activated(environ: MutableMapping[str, str], *, first: int = FIRST) -> list[Handed]:
    """The sockets; what is none that a server could accept on is closed, with a warning.

    Args:
        environ: Where the variables are, and are taken from: programs that this process starts
            are not meant.
        first: The first descriptor.
    """
    count, meant = environ.pop(COUNT, ""), environ.pop(MEANT, "")
    names = environ.pop(NAMES, "").split(":")
    if not count.isdigit() or meant != str(os.getpid()):
        return []
    found = []
    for index in range(int(count)):
        descriptor = first + index
        name = names[index] if index < len(names) else ""
        made = _adopted(descriptor, name)
        if made:
            found.append(Handed(name="" if name == UNKNOWN else name, socket=made))
    return found


def _adopted(descriptor: int, name: str) -> socket.socket | None:
    try:
        # The kernel is asked for its family and type.
        made = socket.socket(fileno=descriptor)
    except OSError as error:
        log.warning("descriptor %d from systemd (%s) is no socket: %s", descriptor, name, error)
        with contextlib.suppress(OSError):
            os.close(descriptor)
        return None
    made.set_inheritable(False)
    # With Accept=yes it would be a connection, with ListenDatagram= a port of UDP.
    if made.family in (socket.AF_INET, socket.AF_INET6) and adopted.listens(made):
        return made
    log.warning("the socket from systemd (%s) does not listen on TCP: it is closed", name)
    made.close()
    return None
