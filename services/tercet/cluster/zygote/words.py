"""What the supervisor and a zygote say to each other over their socketpair.

One JSON object a packet (SOCK_SEQPACKET), tagged by `type`. At most one request is open at a time,
so that an answer needs no number and no buffer can be full.
"""

from __future__ import annotations

import msgspec

MODULE = "tercet.cluster.zygote"

# A name and some sixty numbers; a line that says what is wrong.
MAX_PACKET = 65536
# SCM_MAX_FD of the kernel: as many descriptors go with one packet.
MAX_DESCRIPTORS = 253


class Preload(msgspec.Struct, frozen=True, tag="preload"):
    """Supervisor to zygote, once, first: what to import. Answered by `Ready` or `Failed`."""

    target: str
    import_from_cwd: bool
    # The rpc engine that the workers will use.
    engine: str
    # As in `WorkerSpec`.
    log_format: str = "text"


class Fork(msgspec.Struct, frozen=True, tag="fork"):
    """Supervisor to zygote: fork a worker. Answered by `Forked` or `Failed`.

    With it go the worker's end of its link, a pipe to read from, its stdout, its stderr, and one
    descriptor for each of `numbers`. The worker does nothing until a byte comes through the pipe:
    until the supervisor knows its pid. If none comes, the worker ends; so one that was asked for
    of a zygote that has died can be asked for again, and there are never two of it.
    """

    # Such as "shop/3".
    name: str
    # Under which numbers the worker is to know the further descriptors.
    numbers: list[int]


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Zygote to supervisor: all is imported, and nothing forbids to fork."""


class Forked(msgspec.Struct, frozen=True, tag="forked"):
    """Zygote to supervisor: that worker is your child by now."""

    pid: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Zygote to supervisor: there will be no such worker. After `Preload`, the zygote ends."""

    # One line.
    cause: str


Request = Preload | Fork
Answer = Ready | Forked | Failed
