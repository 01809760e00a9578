"""How long a media file is, by asking ffprobe before ffmpeg begins."""

from __future__ import annotations

import math
import os
from pathlib import PurePosixPath

from tercet.executor.admission import path_of
from tercet.executor.command import Command
from tercet.executor.media import InputFile
from tercet.executor.v1 import executor_pb2 as pb

# Seconds. It reads the head of a file; on one that is broken in a new way it may not end.
TIMEOUT = 10.0

# Formats that hold their media themselves. Those that point to other files or hosts (HLS, concat,
# SDP, ...) would lead out of the media root; the catalogue's ffmpeg and ffprobe refuse them too.
FORMATS = (
    "aac,ac3,aiff,apng,asf,avi,flac,flv,gif,m4v,matroska,mov,mp3,mpeg,mpegts,ogg,png_pipe,"
    "jpeg_pipe,wav,webm,yuv4mpegpipe"
)


def command(ffmpeg: str, file: InputFile) -> Command:
    """ffprobe on the file that ffmpeg will read, by its open descriptor.

    Args:
        ffmpeg: Path of ffmpeg; its ffprobe stands beside it.
        file: Stays the caller's.
    """
    path = str(PurePosixPath(ffmpeg).with_name("ffprobe"))
    argv = [path, "-v", "error", "-protocol_whitelist", "file"]
    argv += ["-format_whitelist", FORMATS]
    argv += ["-show_entries", "format=duration", "-of", "default=noprint_wrappers=1:nokey=1"]
    argv += ["-i", f"file:{path_of(file.fd)}"]
    return Command(program="ffprobe", argv=tuple(map(os.fsencode, argv)), channels=(file.fd,))


def duration(response: pb.RunResponse) -> float | None:
    """Seconds, or None where ffprobe failed or does not know."""
    try:
        seconds = float(response.stdout)
    except ValueError:  # N/A, or nothing
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
