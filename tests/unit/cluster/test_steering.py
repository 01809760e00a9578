"""The program that chooses among sockets: run here, and by the kernel."""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence

import pytest

from tercet.cluster import steering
from tercet.cluster.steering import Instruction, program


def run(instructions: Sequence[Instruction], drawn: int) -> int:
    """What the kernel's interpreter does, for the codes that there are."""
    accumulator = 0
    at = 0
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        if code == steering.LOAD_WORD:
            assert operand == steering.SKF_AD_RANDOM
            accumulator = drawn
        elif code == steering.MODULO:
            accumulator %= operand
        elif code == steering.ADD:
            accumulator += operand
        elif code == steering.JUMP_IF_AT_LEAST:
            at += if_true if accumulator >= operand else if_false
        else:
            assert code == steering.RETURN_ACCUMULATOR
            return accumulator


@pytest.mark.parametrize(
    "live",
    [[0], [3], [0, 1, 2], [2, 3], [0, 2], [0, 1, 4, 5, 9], list(range(0, 1024, 2)), [1023]],
    ids=lambda live: f"{len(live)} from {live[0]}",
)
def test_each_live_index_is_drawn_equally_and_no_other(live: list[int]) -> None:
    made = program(live)
    drawn = [run(made, number) for number in range(2 * len(live))]
    assert sorted(drawn) == sorted(live * 2)


def test_its_size_is_that_of_the_gaps() -> None:
    assert len(program(range(1024))) == len(program([0]))
    # BPF_MAXINSNS of linux/bpf_common.h.
    assert len(program(range(0, 2048, 2))) < 4096


def test_order_and_repetition_do_not_matter() -> None:
    assert program([2, 0, 2]) == program([0, 2])


def test_there_must_be_one() -> None:
    with pytest.raises(ValueError, match="no index to choose from"):
        program([])


def listener(port: int = 0) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    made.listen()
    made.setblocking(False)
    return made


def taken(listeners: Sequence[socket.socket], connections: int) -> list[int]:
    counts = [0] * len(listeners)
    for _ in range(connections):
        with socket.create_connection(listeners[0].getsockname(), timeout=10):
            for ready in select.select(listeners, [], [], 10)[0]:
                ready.accept()[0].close()
                counts[listeners.index(ready)] += 1
    return counts


def test_the_kernel_runs_it() -> None:
    first = listener()
    group = [first, *(listener(first.getsockname()[1]) for _ in range(4))]
    steering.attach(group[2], program([0, 3, 4]))
    counts = taken(group, 120)
    assert (counts[1], counts[2]) == (0, 0)
    # Of 120 drawn with a probability of 1/3 each, none falls below this once in 10^9 runs.
    assert min(counts[0], counts[3], counts[4]) > 8
    steering.attach(group[0], program([1]))
    assert taken(group, 20) == [0, 20, 0, 0, 0]
    for each in group:
        each.close()


def test_the_kernel_takes_the_longest_that_there_may_be() -> None:
    # 1024 slots, every other one away: no other choice has more gaps.
    with listener() as one:
        steering.attach(one, program(range(0, 1024, 2)))


def test_a_socket_without_a_group_is_refused() -> None:
    with socket.socket() as alone:
        alone.bind(("127.0.0.1", 0))
        alone.listen()
        with pytest.raises(OSError, match="Invalid argument"):
            steering.attach(alone, program([0]))
