from __future__ import annotations

import pytest

from tercet.executor import catalogue, probe
from tercet.executor.media import InputFile
from tercet.executor.v1 import executor_pb2 as pb


@pytest.mark.parametrize(
    ("ffmpeg", "ffprobe"), [("ffmpeg", b"ffprobe"), ("/opt/x/ffmpeg", b"/opt/x/ffprobe")]
)
def test_ffprobe_stands_beside_ffmpeg(ffmpeg: str, ffprobe: bytes) -> None:
    command = probe.command(ffmpeg, InputFile(7))
    assert command.argv[0] == ffprobe
    assert command.argv[-1] == b"file:/proc/self/fd/7"
    assert command.channels == (7,)
    assert command.inputs == ()


def test_only_formats_that_hold_their_media_are_read_anywhere() -> None:
    programs = catalogue.load()
    for name in ("ffmpeg", "ffprobe"):
        arguments = {"input": "i", "output": "o", "format": "mp4"}
        argv = programs[name].argv.render(arguments)
        assert argv[argv.index("-format_whitelist") + 1] == probe.FORMATS
        assert argv.index("-format_whitelist") < argv.index("-i")
    command = probe.command("ffmpeg", InputFile(7))
    assert probe.FORMATS.encode() in command.argv


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(b"4.025000\n", 4.025), (b"N/A\n", None), (b"", None), (b"0.0\n", None), (b"inf\n", None)],
)
def test_a_duration_is_a_positive_number_or_unknown(text: bytes, seconds: float | None) -> None:
    assert probe.duration(pb.RunResponse(stdout=text)) == seconds
