"""Programs: a clip converted by ffmpeg, its progress live."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import tercet
from examples.tour.mesh import Mesh
from examples.tour.table import bar, seconds, table
from tercet.client import Progress
from tercet.errors import TercetError

SECONDS = 6
CLIP = "clip.mp4"
RESULT = "clip.webm"


async def run(mesh: Mesh, client: tercet.Client, out: Path) -> str:
    await make_clip(mesh.media_root / CLIP)
    # Paths are relative to the server's media root.
    converting = client.executor.spawn(
        "ffmpeg", input=CLIP, output=RESULT, format="webm", video_codec="libvpx"
    )
    with bar(f"{CLIP} to {RESULT}") as update:
        async with converting as spawned:
            async for event in spawned:
                if isinstance(event, Progress):
                    detail = f"{event.position:.1f} s, {event.frames} frames, {event.speed:.1f}x"
                    update(event.fraction, detail)
    outcome = spawned.outcome
    if outcome is None or not outcome.ok:
        raise TercetError(f"ffmpeg {outcome.describe() if outcome else 'was lost'}")

    rows = []
    for name in (CLIP, RESULT):
        found = await probe(client, name)
        size = shutil.copyfile(mesh.media_root / name, out / name).stat().st_size
        duration = f"{float(found['format']['duration']):.2f} s"
        rows.append((name, size, duration, streams(found)))
    table(("FILE", "BYTES", "DURATION", "STREAMS"), rows)
    _, _, duration, codecs = rows[-1]
    return f"{RESULT} of {duration} ({codecs}) in {seconds(outcome.elapsed)}"


async def make_clip(path: Path) -> None:
    """A test picture and a tone, made here by ffmpeg itself."""
    picture = f"testsrc2=size=480x270:rate=25:duration={SECONDS}"
    tone = f"sine=frequency=440:duration={SECONDS}"
    command = ("ffmpeg", "-nostdin", "-v", "error", "-y")
    source = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone)
    codecs = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac")
    try:
        process = await asyncio.create_subprocess_exec(
            *(*command, *source, *codecs, path),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise TercetError(
            "ffmpeg is not on PATH", hint="install it, as with `apt-get install ffmpeg`"
        ) from None
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise TercetError("ffmpeg could not make the clip", hint=said.decode(errors="replace"))


async def probe(client: tercet.Client, name: str) -> dict[str, Any]:
    """What ffprobe says of a file, run by the executor."""
    completed = await client.executor.run("ffprobe", input=name, check=True)
    found: dict[str, Any] = json.loads(completed.stdout)
    return found


def streams(found: dict[str, Any]) -> str:
    return " + ".join(f"{each['codec_type']} {each['codec_name']}" for each in found["streams"])
