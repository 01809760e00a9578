from __future__ import annotations

import pytest

from tercet.executor.progress import FfmpegProgress, Report

# As ffmpeg 5.1.9 writes it.
STREAM = b"""frame=1
fps=0.00
out_time_us=N/A
out_time_ms=N/A
out_time=N/A
speed=N/A
progress=continue
frame=85
fps=42.50
bitrate=   2.0kbits/s
out_time_us=3474000
out_time_ms=3474000
out_time=00:00:03.474000
speed=25.3x
progress=continue
frame=100
out_time_us=4023000
speed= 107x
progress=end
"""
REPORTS = [
    Report(0.0, 1, 0.0, False),
    Report(3.474, 85, 25.3, False),
    Report(4.023, 100, 107.0, True),
]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_reports_do_not_depend_on_how_the_bytes_are_cut(size: int) -> None:
    parser = FfmpegProgress()
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert [report for piece in pieces for report in parser.feed(piece)] == REPORTS


@pytest.mark.parametrize("value", [b"N/A", b"", b"nan", b"inf", b"-5", b"x", b"\xff"])
def test_a_position_that_is_no_number_of_seconds_is_zero(value: bytes) -> None:
    parser = FfmpegProgress()
    assert parser.feed(b"out_time_us=" + value + b"\nprogress=continue\n") == [Report()]


def test_a_line_without_end_does_not_grow() -> None:
    parser = FfmpegProgress()
    for _ in range(100):
        assert parser.feed(b"x" * 65536) == []
    assert len(parser._rest) <= 4096
    assert parser.feed(b"\nframe=2\nprogress=end\n") == [Report(frames=2, end=True)]
