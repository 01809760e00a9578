"""Streams that end before they have cost their client anything."""

from __future__ import annotations

from tests.attacks.attack import FOREVER, Connects, Steps
from tests.attacks.calls import endless, opening, request, window_update
from tests.conformance.wire import frames
from tests.conformance.wire.frames import END_HEADERS, END_STREAM, Frame
from tests.soak.client import RESET

LARGEST_INCREMENT = (1 << 31) - 1


def repeated(method: str, *then: Frame, end: bool = False) -> Connects:
    """Call after call, each with the same frames behind it."""

    def steps() -> Steps:
        yield opening()
        yield from endless(method, *then, end=end)
        yield FOREVER

    return steps


# CVE-2023-44487.
before_the_request = repeated("Echo", RESET)
with_the_request = repeated("Echo", request(b"hello"), RESET)
while_the_handler_waits = repeated("Wait", request(b"hello"), RESET)
of_a_stream = repeated("Chat", RESET)
of_no_method = repeated("Missing", RESET)

# CVE-2025-8671: the client resets nothing, it makes the server do it.
by_a_window_of_zero = repeated("Wait", request(b"hello"), window_update(0, 0))
by_an_overflow = repeated("Wait", request(b"hello"), window_update(0, LARGEST_INCREMENT))
by_data_after_the_end = repeated("Wait", request(b"hello"), request(b"hello"))
by_headers_after_the_end = repeated(
    "Wait", request(b"hello"), Frame(frames.HEADERS, END_HEADERS | END_STREAM, 0, b"\x83")
)
# Trailers that do not end their stream.
by_headers_in_the_middle = repeated("Chat", Frame(frames.HEADERS, END_HEADERS, 0, b"\x83"))
by_priority_of_a_wrong_size = repeated("Wait", Frame(frames.PRIORITY, 0, 0, bytes(4)))
