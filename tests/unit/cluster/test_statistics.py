"""Counts of a server as they cross the link, and together."""

from __future__ import annotations

import msgspec
import pytest

from tercet.cluster import statistics
from tercet.cluster.statistics import Statistics, added, decode, encode, ended
from tercet.rpc.native.server import NativeServer
from tests.unit.cluster.control.made import counted


async def test_what_a_server_counts_crosses_the_link() -> None:
    told = NativeServer().statistics()
    found = decode(encode(told))
    assert (found.connections, found.calls_running, found.begun) == (0, 0, 0)
    assert tuple(found.latency_buckets) == told["latency_buckets"]
    assert found.limits == told["limits"]


def test_calls_keep_their_method_and_status() -> None:
    found = decode(encode(counted(3, calls={("/a.B/C", 0): 2, ("", 12): 1})))
    assert found.calls == [("/a.B/C", 0, 2), ("", 12, 1)]
    assert found.durations() == [0, 3, 0]


def test_what_an_engine_does_not_count_is_not_known() -> None:
    found = decode(encode({"calls_running": 2}))
    assert (found.connections, found.calls_running, found.lag) == (None, 2, None)
    assert found.begun == 2


def test_garbage_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(msgspec.Raw(b'{"connections": "many"}'))


def test_two_are_added_method_by_method() -> None:
    one = decode(encode(counted(3, lag=0.1)))
    more = {"calls": {("/a.B/C", 0): 1, ("/a.B/D", 2): 1}, "latency": {"/a.B/D": [1, 0, 0]}}
    both = added(one, decode(encode(counted(2, lag=0.3, **more))))
    assert both.calls == [("/a.B/C", 0, 4), ("/a.B/D", 2, 1)]
    assert both.latency == {"/a.B/C": [0, 3, 0], "/a.B/D": [1, 0, 0]}
    assert (both.connections, both.bytes_sent, both.begun, both.lag) == (2, 8, 5, 0.3)
    # One that was never applied is something to know.
    assert both.limits == {"resets": 0, "idle": 10}


def test_of_one_that_is_gone_its_counters_are_left() -> None:
    left = ended(decode(encode(counted(3, lag=0.1, pool_wait=0.2))))
    assert (left.connections, left.calls_running, left.calls_queued) == (None, None, None)
    assert (left.lag, left.pool_wait) == (None, None)
    assert (left.connections_accepted, left.begun, left.limits["idle"]) == (2, 3, 5)


def test_histograms_of_other_bounds_are_not_mixed() -> None:
    one, other = decode(encode(counted(1))), decode(encode(counted(2, latency_buckets=(1, 2))))
    assert added(one, other).latency == {"/a.B/C": [0, 2, 0]}
    assert added(one, other).latency_buckets == [1, 2]
    assert added(one, Statistics()) == statistics.added(Statistics(), one)
