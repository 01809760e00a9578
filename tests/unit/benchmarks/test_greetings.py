from __future__ import annotations

from benchmarks import greetings
from examples.greeter.v1 import greeter_pb2


def test_requests_are_what_the_greeter_reads() -> None:
    request = greeter_pb2.SayHellosRequest.FromString(greetings.stream_request(7)[5:])
    assert (request.name, request.count) == (greetings.NAME, 7)
    assert greeter_pb2.SayHelloRequest.FromString(greetings.unary_request()[5:]).name


def test_the_size_is_that_of_the_shortest_pid() -> None:
    # A varint: 7 bits to a byte.
    assert greetings.response_size([127]) + 1 == greetings.response_size([128])
    assert greetings.response_size([100_000, 127]) == greetings.response_size([127])


def test_both_methods_answer_in_as_many_bytes() -> None:
    message = greeter_pb2.SayHellosResponse(message=f"Hello, {greetings.NAME}!", pid=4711)
    assert greetings.response_size([4711]) == len(greetings.framed(message.SerializeToString()))
