"""The program by which the kernel chooses among the sockets that listen on one port.

Sockets that listen on the same address with SO_REUSEPORT form a group, in the order in which they
began to listen. For each new connection the kernel asks the group's program for an index, and
hashes the addresses itself where there is no program or its answer is out of range (socket(7),
SO_ATTACH_REUSEPORT_CBPF: since Linux 4.6, no privilege needed). Ours draws an index among those
that are live, so a socket that is left out gets nothing new while it keeps what it has.

The draw is random rather than by hash: a client that comes again from the same address and port
is not bound to one worker.
"""

from __future__ import annotations

import array
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# asm-generic/socket.h, which all architectures follow that Python has wheels for.
SO_ATTACH_REUSEPORT_CBPF = 51

# linux/filter.h: what may be loaded from "ancillary data", the word that is a random number.
SKF_AD_RANDOM = 0xFFFFF000 + 56

# linux/bpf_common.h, linux/filter.h: class | size or operation | source of the operand.
LOAD_WORD = 0x00 | 0x00 | 0x20
ADD = 0x04 | 0x00
MODULO = 0x04 | 0x90
JUMP_IF_AT_LEAST = 0x05 | 0x30
RETURN_ACCUMULATOR = 0x06 | 0x10


class Instruction(NamedTuple):
    """A `struct sock_filter`."""

    code: int
    if_true: int
    if_false: int
    operand: int


def program(live: Iterable[int]) -> list[Instruction]:
    """Instructions that return one of these indices, each with the same probability.

    Their number grows with the gaps between the indices, not with the indices: the kernel limits
    a program to 4096 instructions (BPF_MAXINSNS) and to net.core.optmem_max bytes.

    Raises:
        ValueError: There is none to choose from.
    """
    indices = sorted(set(live))
    if not indices:
        raise ValueError("there is no index to choose from")
    made = [
        Instruction(LOAD_WORD, 0, 0, SKF_AD_RANDOM),
        Instruction(MODULO, 0, 0, len(indices)),
    ]
    runs = _runs(indices)
    drawn = 0
    for number, (first, length) in enumerate(runs):
        if number < len(runs) - 1:
            # To the next run, over the two instructions of this one.
            made.append(Instruction(JUMP_IF_AT_LEAST, 2, 0, drawn + length))
        made.append(Instruction(ADD, 0, 0, first - drawn))
        made.append(Instruction(RETURN_ACCUMULATOR, 0, 0, 0))
        drawn += length
    return made


def attach(listener: socket.socket, instructions: Sequence[Instruction]) -> None:
    """Gives the group of that socket a program, in place of the one that it has.

    The kernel swaps it at once: each connection is chosen by the one or by the other.

    Raises:
        OSError: The kernel has no such programs, or the socket is not in a group.
    """
    code = array.array("B")
    for instruction in instructions:
        code.frombytes(struct.pack("=HBBI", *instruction))
    # A `struct sock_fprog`: the kernel copies what it points at before the call returns.
    address, _ = code.buffer_info()
    listener.setsockopt(
        socket.SOL_SOCKET,
        SO_ATTACH_REUSEPORT_CBPF,
        struct.pack("@HP", len(instructions), address),
    )


def _runs(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Consecutive ones together: each the first, and how many."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and sum(runs[-1]) == index:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((index, 1))
    return runs
