"""Real conversions by ffmpeg, through a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tercet.executor.v1 import executor_pb2 as pb
from tests.support import eventually
from tests.unit.executor.calls import Spawned, Stub, result, run, stage
from tests.unit.executor.conftest import alive


def make(path: Path, seconds: float, size: str = "160x120") -> None:
    """A test picture with a tone."""
    sources = ["-f", "lavfi", "-i", f"testsrc=duration={seconds}:size={size}:rate=25"]
    sources += ["-f", "lavfi", "-i", f"sine=duration={seconds}"]
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", *sources, "-c:v", "mpeg4", str(path)],
        check=True,
    )


@pytest.fixture
def clip(media: Path) -> str:
    (media / "clips").mkdir()
    make(media / "clips" / "a.mp4", 4)
    return "clips/a.mp4"


def convert(clip: str, output: str = "b.webm", **arguments: str) -> pb.Stage:
    given = {"format": "webm", "video_codec": "libvpx", "speed": "8", **arguments}
    return stage("ffmpeg", input=clip, output=output, **given)


async def formats(executor: Stub, path: str) -> tuple[str, float, set[str]]:
    """Format, seconds and codecs of a file, as ffprobe tells."""
    response = await run(executor, stage("ffprobe", input=path))
    assert response.stages[0].outcome.exited.code == 0, response.stages[0].stderr
    told = json.loads(response.stdout)
    codecs = {stream["codec_name"] for stream in told["streams"]}
    return told["format"]["format_name"], float(told["format"]["duration"]), codecs


async def test_mp4_becomes_webm_with_progress_that_rises_to_one(
    executor: Stub, media: Path, clip: str
) -> None:
    spawned = await Spawned(executor, convert(clip)).start()
    progress = []
    async for event in spawned.events():
        assert not event.stderr, event.stderr
        if event.HasField("progress"):
            progress.append(event.progress)
    assert spawned.outcome is not None
    assert spawned.outcome.exited.code == 0

    fractions = [each.fraction for each in progress]
    assert len(fractions) >= 2
    assert fractions == sorted(fractions)
    assert fractions[0] < 1
    assert fractions[-1] == 1
    assert progress[-1].frames == 100
    assert progress[-1].duration.ToMilliseconds() == pytest.approx(4000, abs=100)
    assert progress[-1].position.ToMilliseconds() == pytest.approx(4000, abs=100)
    assert progress[-1].speed > 0

    name, seconds, codecs = await formats(executor, "b.webm")
    assert name == "matroska,webm"
    # A length in the head of a webm means that ffmpeg could seek back to write it.
    assert seconds == pytest.approx(4, abs=0.1)
    assert codecs == {"vp8", "opus"}


@pytest.mark.parametrize(
    ("arguments", "expected", "codecs"),
    [
        ({"format": "mp4", "video_codec": "copy", "audio_codec": "copy"}, "mov", {"mpeg4", "aac"}),
        ({"format": "matroska", "width": "80", "video_kbps": "100"}, "matroska", {"vp8"}),
        ({"format": "gif"}, "gif", {"gif"}),
        ({"format": "wav"}, "wav", {"pcm_s16le"}),
    ],
)
async def test_other_formats_without_progress(
    executor: Stub, clip: str, arguments: dict[str, str], expected: str, codecs: set[str]
) -> None:
    given = {"video_codec": "libvpx", "speed": "8"} if "width" in arguments else {}
    conversion = stage("ffmpeg", input=clip, output="out", **{**given, **arguments})
    (only,) = (await run(executor, conversion)).stages
    assert only.outcome.exited.code == 0, only.stderr
    name, _, found = await formats(executor, "out")
    assert name.startswith(expected)
    assert codecs <= found


async def test_a_conversion_that_is_stopped_leaves_no_output(executor: Stub, media: Path) -> None:
    make(media / "long.mp4", 30, "640x480")
    spawned = await Spawned(executor, convert("long.mp4", speed="0")).start()
    async for event in spawned.events():
        if event.HasField("progress"):
            assert event.progress.fraction < 1
            await spawned.signal(signal.SIGTERM)
            break
    async for event in spawned.events():
        assert event.progress.fraction < 1
    # ffmpeg answers SIGTERM with an exit code of its own.
    assert spawned.outcome is not None
    assert spawned.outcome.exited.code == 255
    assert os.listdir(media) == ["long.mp4"]


async def test_a_cancelled_conversion_leaves_neither_process_nor_output(
    executor: Stub, media: Path
) -> None:
    make(media / "long.mp4", 30, "640x480")
    spawned = await Spawned(executor, convert("long.mp4", speed="0")).start()
    spawned.call.cancel()
    await eventually(lambda: not alive(spawned.pid))
    await eventually(lambda: os.listdir(media) == ["long.mp4"])


async def test_a_file_that_is_no_media_fails_with_its_reason(executor: Stub, media: Path) -> None:
    (media / "text").write_text("not a film")
    spawned = await Spawned(executor, convert("text")).start()
    _, stderr, outcome = await spawned.finish()
    assert result(outcome) == "exited"
    assert outcome.exited.code != 0
    assert b"Invalid data" in stderr
    assert os.listdir(media) == ["text"]


HOSTILE = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:{secret}\n#EXT-X-ENDLIST\n",
    "hls_http": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://127.0.0.1:1/a.ts\n"
    "#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {secret}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("program", ["ffmpeg", "ffprobe"])
async def test_a_file_that_points_to_others_is_not_followed(
    executor: Stub, media: Path, kind: str, program: str
) -> None:
    secret = media.parent / "secret.mp4"
    make(secret, 1)
    (media / "hostile.mp4").write_text(HOSTILE[kind].format(secret=secret))
    asked = convert("hostile.mp4") if program == "ffmpeg" else stage(program, input="hostile.mp4")
    (only,) = (await run(executor, asked)).stages
    assert only.outcome.exited.code != 0
    assert os.listdir(media) == ["hostile.mp4"]
