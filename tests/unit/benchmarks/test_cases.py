"""The loads of the runtime's report, and how their results are counted."""

from __future__ import annotations

import pytest

from benchmarks import cases
from benchmarks.echo.v1 import echo_pb2
from benchmarks.load import Counts, LoadError


def counts(calls: int, data: int) -> Counts:
    return Counts(calls=calls, failed=0, data=data, seconds=1.0)


@pytest.mark.parametrize(("case", "size"), [(cases.UNARY, cases.SMALL), (cases.ONE_MIB, cases.MIB)])
def test_a_request_carries_its_payload(case: cases.Case, size: int) -> None:
    request = echo_pb2.EchoRequest.FromString(case.load.body[5:])
    assert len(request.payload) == size
    assert case.body == request.payload


def test_answers_are_as_long_as_requests() -> None:
    # The messages are alike, so an echo has the size of its request.
    assert cases.UNARY.answer == len(cases.UNARY.load.body)
    assert cases.BIDI.answer * cases.STREAM_LENGTH == len(cases.BIDI.load.body)
    assert cases.STREAM.answer == cases.BIDI.answer


def test_over_http1_calls_in_flight_become_connections() -> None:
    load = cases.UNARY.load_of(http1=True)
    assert load is not None
    assert load.connections == cases.UNARY.load.connections * cases.UNARY.load.in_flight
    assert (load.in_flight, load.path, load.body) == (1, "/", bytes(cases.SMALL))


def test_http1_has_no_part_in_streams() -> None:
    assert cases.STREAM.load_of(http1=True) is None


def test_payloads_are_counted_in_mebibytes() -> None:
    assert cases.BIG.count(counts(3, 3 * cases.BIG.answer)) == 192


def test_an_answer_that_is_too_short_is_an_error() -> None:
    with pytest.raises(LoadError):
        cases.ONE_MIB.count(counts(2, cases.ONE_MIB.answer))
    # Over HTTP/1.1 it has neither a prefix nor a field's tag.
    assert cases.ONE_MIB.count(counts(2, 2 * cases.MIB), http1=True) == 2


def test_messages_are_counted_by_their_bytes() -> None:
    assert cases.STREAM.count(counts(1, 7 * cases.STREAM.answer)) == 7
