"""Which numbers the descriptors of a forked worker have."""

from __future__ import annotations

import fcntl
import os

import pytest

from tercet.cluster.zygote import descriptors


def test_they_change_places_where_each_has_the_number_of_another() -> None:
    pairs = [os.pipe() for _ in range(3)]
    reading = [pair[0] for pair in pairs]
    try:
        # Each as a duplicate, as they come through a socket; then all three in a ring.
        numbers = [*reading[1:], reading[0]]
        inodes = [os.fstat(descriptor).st_ino for descriptor in reading]
        descriptors.place(reading, numbers)
        assert [os.fstat(number).st_ino for number in numbers] == inodes
        for number in numbers:
            assert fcntl.fcntl(number, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    finally:
        for pair in pairs:
            os.close(pair[0])
            os.close(pair[1])


def test_a_number_that_something_else_has_is_refused() -> None:
    taken, other = os.pipe()
    received = os.dup(other)
    try:
        with pytest.raises(FileExistsError, match=f"descriptor {taken}, which"):
            descriptors.place([received], [taken])
        assert os.fstat(taken).st_ino == os.fstat(other).st_ino
    finally:
        os.close(taken)
        os.close(other)


def test_what_is_opened_in_between_is_out_of_the_way() -> None:
    with descriptors.opening_high(), open(os.devnull) as high:
        assert high.fileno() >= descriptors.floor()
        # select(2) knows no more.
        assert high.fileno() < 1024
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    assert lowest < descriptors.floor()
