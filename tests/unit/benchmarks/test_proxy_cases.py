"""The loads of the proxies' report."""

from __future__ import annotations

import pytest

from benchmarks import proxy_cases
from benchmarks.cases import STREAM_LENGTH
from benchmarks.echo.v1 import echo_pb2
from benchmarks.load import Counts
from benchmarks.proxy_cases import DOWNLOAD, ECHO, LARGE, STREAM, UNARY, UNARY_SIZE


def test_a_small_call_is_small() -> None:
    assert len(echo_pb2.EchoRequest.FromString(UNARY.load.body[5:]).payload) == UNARY_SIZE


def test_a_stream_is_of_small_messages_and_a_download_of_one_large() -> None:
    asked = [echo_pb2.StreamRequest.FromString(case.load.body[5:]) for case in (STREAM, DOWNLOAD)]
    assert [request.count for request in asked] == [STREAM_LENGTH, 1]
    assert asked[1].size == LARGE
    # The field's tag and length, and gRPC's prefix.
    assert DOWNLOAD.answer == ECHO.answer == LARGE + 5 + 5


@pytest.mark.parametrize("case", [DOWNLOAD, ECHO])
def test_large_messages_are_counted_once(case: proxy_cases.Case) -> None:
    assert case.count(Counts(calls=2, failed=0, data=2 * case.answer, seconds=1.0)) == 128


def test_a_rate_is_of_all_connections() -> None:
    assert proxy_cases.steady(5000).rate == 5000
    assert proxy_cases.steady(5000).body == UNARY.load.body
