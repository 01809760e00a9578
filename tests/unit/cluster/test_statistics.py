"""Counts of a server as a report carries them, and together."""

from __future__ import annotations

import msgspec
import pytest

from tercet.cluster.statistics import Loop, Statistics, added, decode, ended
from tercet.rpc.native.server import NativeServer
from tests.unit.cluster.control.made import counted, encoded


async def test_what_a_server_counts_is_read() -> None:
    told = NativeServer().statistics()
    found = decode(encoded(told))
    assert (found.connections, found.calls_running, found.begun) == (0, 0, 0)
    assert tuple(found.latency_buckets) == told["latency_buckets"]
    assert found.limits == told["limits"]


def test_calls_keep_their_path_and_status() -> None:
    found = decode(encoded(counted(3, calls={"/a.B/C": {0: 2}, "": {12: 1}})))
    assert found.calls == {"/a.B/C": {0: 2}, "": {12: 1}}
    assert found.durations() == [0, 3, 0]


def test_what_an_engine_does_not_count_is_not_known() -> None:
    found = decode(encoded({"calls_running": 2, "loop": {"lag": 0.1, "pool_wait": -1.0}}))
    assert (found.connections, found.calls_running) == (None, 2)
    assert (found.lag, found.pool_wait, found.begun) == (0.1, None, 2)
    assert Statistics().lag is None


def test_garbage_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(msgspec.Raw(b'{"connections": "many"}'))


def test_two_are_added_method_by_method() -> None:
    one = decode(encoded(counted(3, loop={"lag": 0.1, "pool_wait": 0.5})))
    other = counted(2, loop={"lag": 0.3, "pool_wait": -1})
    other |= {"calls": {"/a.B/C": {0: 1, 1: 2}, "/a.B/D": {2: 1}}, "latency": {"/a.B/D": [1, 0, 0]}}
    both = added(one, decode(encoded(other)))
    assert both.calls == {"/a.B/C": {0: 4, 1: 2}, "/a.B/D": {2: 1}}
    assert both.latency == {"/a.B/C": [0, 3, 0], "/a.B/D": [1, 0, 0]}
    assert both.seconds == pytest.approx({"/a.B/C": 0.0075})
    assert (both.connections, both.bytes_sent, both.begun) == (2, 8, 5)
    assert (both.lag, both.pool_wait) == (0.3, 0.5)
    # One that was never applied is something to know.
    assert both.limits == {"resets": 0, "idle": 10}


def test_of_one_that_is_gone_its_counters_are_left() -> None:
    left = ended(decode(encoded(counted(3, loop=Loop(0.1, 0.2)))))
    assert (left.connections, left.calls_running, left.calls_queued) == (None, None, None)
    assert (left.lag, left.pool_wait) == (None, None)
    assert (left.connections_accepted, left.begun, left.limits["idle"]) == (2, 3, 5)


def test_histograms_of_other_bounds_are_not_mixed() -> None:
    one, other = decode(encoded(counted(1))), decode(encoded(counted(2, latency_buckets=(1, 2))))
    assert added(one, other).latency == {"/a.B/C": [0, 2, 0]}
    assert added(one, other).seconds == {"/a.B/C": 0.003}
    assert added(one, other).latency_buckets == [1, 2]
    assert added(one, Statistics()) == added(Statistics(), one)
