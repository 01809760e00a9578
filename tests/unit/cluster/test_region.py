"""The supervisor's end of the memory that gateways share."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest

from tercet.cluster import region as layout
from tercet.cluster.region import Rows, SharedRegion, gateways_of, rows_for


@pytest.fixture
def region() -> Iterator[SharedRegion]:
    made = SharedRegion(3)
    yield made
    made.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_it_says_what_it_is(region: SharedRegion) -> None:
    assert gateways_of(region.fd) == 3
    assert os.fstat(region.fd).st_size == layout.size(3)
    assert not any(os.pread(region.fd, layout.size(3), len(layout.header(3))))


def test_one_row_is_zeroed_and_all_are_told(region: SharedRegion) -> None:
    os.pwrite(region.fd, b"\x01" * (3 * layout.ROW), layout.ROWS)
    os.pwrite(region.fd, b"\x01" * 8 * layout.COLUMNS, layout.KEYS)
    region.clear(1)
    rows = [os.pread(region.fd, layout.ROW, layout.ROWS + row * layout.ROW) for row in range(3)]
    assert [set(row) for row in rows] == [{1}, {0}, {1}]
    assert set(os.pread(region.fd, 8 * layout.COLUMNS, layout.KEYS)) == {1}
    assert [os.eventfd_read(each) for each in region.eventfds] == [1, 1, 1]


def test_to_be_told_never_waits(region: SharedRegion) -> None:
    os.eventfd_write(region.eventfds[0], 2**64 - 2)
    region.clear(1)
    assert os.eventfd_read(region.eventfds[0]) == 2**64 - 2


def test_nobody_inherits_it_unasked(region: SharedRegion) -> None:
    assert not any(os.get_inheritable(each) for each in (region.fd, *region.eventfds))


def test_nobody_can_change_its_size(region: SharedRegion) -> None:
    for size in (0, layout.size(4)):
        with pytest.raises(PermissionError):
            os.truncate(region.fd, size)


@pytest.mark.parametrize("gateways", [0, layout.MOST_GATEWAYS + 1])
def test_there_is_one_gateway_and_not_too_many(gateways: int) -> None:
    with pytest.raises(ValueError, match="must be 1 to 64"):
        SharedRegion(gateways)


def test_what_was_opened_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = descriptors()
    SharedRegion(3).close()
    assert descriptors() == before
    given = iter([os.eventfd(0)])

    def scarce(*_: int) -> int:
        try:
            return next(given)
        except StopIteration:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE)) from None

    monkeypatch.setattr(os, "eventfd", scarce)
    with pytest.raises(OSError, match="Too many open files"):
        SharedRegion(3)
    assert descriptors() == before


@pytest.mark.parametrize(
    ("gateways", "rows"), [(1, 4), (2, 5), (3, 6), (4, 8), (30, 60), (32, 64), (64, 64)]
)
def test_there_is_a_row_for_whoever_replaces_another(gateways: int, rows: int) -> None:
    assert rows_for(gateways) == rows


def test_rows_are_given_once_lowest_first_and_zeroed_when_they_come_back() -> None:
    rows = Rows(1)
    try:
        assert [rows.take() for _ in range(3)] == [0, 1, 2]
        os.pwrite(rows.fd, b"\x01" * (rows.most * layout.ROW), layout.ROWS)
        rows.give_back(2)
        rows.give_back(0)
        found = [os.pread(rows.fd, layout.ROW, layout.ROWS + row * layout.ROW) for row in range(4)]
        assert [set(row) for row in found] == [{0}, {1}, {0}, {1}]
        assert [rows.take() for _ in range(3)] == [0, 2, 3]
        with pytest.raises(OSError, match="there are 4 gateway processes, which is most") as caught:
            rows.take()
        assert caught.value.errno == errno.EAGAIN
    finally:
        rows.close()


def test_rows_close_what_they_opened() -> None:
    before = descriptors()
    Rows(3).close()
    assert descriptors() == before
