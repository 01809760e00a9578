from __future__ import annotations

from benchmarks.framing import framed


def test_a_frame_is_a_flag_a_length_and_the_message() -> None:
    assert framed(b"abc") == b"\0\0\0\0\3abc"
