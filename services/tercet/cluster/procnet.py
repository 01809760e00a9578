"""Who listens on a TCP port, as /proc says it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tercet.cluster.address import Bind

LISTEN = "0A"


class Listener(NamedTuple):
    """A listening TCP socket of this network namespace."""

    bind: Bind
    # What identifies the socket, in whichever processes it is open; st_ino of its descriptors.
    inode: int


def listeners(port: int, *, proc: Path = Path("/proc")) -> list[Listener]:
    """All that listen on the port; none where there is no /proc.

    One that is there throughout may be missing if others come or go meanwhile: the kernel makes
    the table as it is read.
    """
    found: list[Listener] = []
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(proc / "net" / table, encoding="ascii") as lines:
            next(lines, None)
            for line in lines:
                _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
                # Those that listen come first, then all the connections, which may be many
                # (Documentation/networking/proc_net_tcp.rst).
                if state != LISTEN:
                    break
                host, _, number = local.rpartition(":")
                if int(number, 16) == port:
                    found.append(Listener(Bind(host=_host(host), port=port), int(inode)))
    return found


def described(listener: Listener, *, proc: Path = Path("/proc")) -> str:
    """For people: the address, the inode and, where that may be known, the process."""
    said = f"{listener.bind}, inode {listener.inode}"
    for pid in _holders(listener.inode, proc):
        command = ""
        with contextlib.suppress(OSError):
            words = (proc / str(pid) / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            command = " ".join(word.decode(errors="replace") for word in words)
        return f"{said}, pid {pid}" + (f" ({command[:100]})" if command else "")
    return said


def inode(listener: socket.socket) -> int:
    return os.fstat(listener.fileno()).st_ino


def _host(digits: str) -> str:
    # The words of the address, each as this machine's integer: bytes are in the network's order.
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    return str(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words)))


def _holders(inode: int, proc: Path) -> Iterator[int]:
    """Processes, of those that we may look into, which have it open."""
    wanted = f"socket:[{inode}]"
    for process in proc.iterdir():
        if process.name.isdigit():
            # It may be another user's, or end meanwhile.
            with contextlib.suppress(OSError):
                for descriptor in (process / "fd").iterdir():
                    if os.readlink(descriptor) == wanted:
                        yield int(process.name)
                        break
