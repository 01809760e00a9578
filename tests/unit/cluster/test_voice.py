"""The supervisor's voice: never waits, whatever stands at the other end."""

from __future__ import annotations

import logging
import os
import select
from pathlib import Path

import pytest

from tercet.cluster.voice import Voice, VoiceHandler


def fill(descriptor: int) -> None:
    os.set_blocking(descriptor, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(descriptor, b"x" * 512)
    os.set_blocking(descriptor, True)


def test_lines_arrive_whole() -> None:
    reading, writing = os.pipe()
    handler = VoiceHandler(Voice(writing))
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "%s \udc80", ("größer",), None))
    assert os.read(reading, 100).decode() == "größer \\udc80\n"
    for each in (reading, writing):
        os.close(each)


def test_a_full_pipe_is_not_waited_for_and_the_next_line_is_said_again() -> None:
    reading, writing = os.pipe()
    voice = Voice(writing)
    fill(writing)
    voice.say("lost")
    # Those who share the pipe are not to find it changed.
    assert os.get_blocking(writing)
    assert b"lost" not in os.read(reading, 1 << 20)
    voice.say("heard")
    assert os.read(reading, 100) == b"heard\n"
    for each in (reading, writing):
        os.close(each)


def test_a_reader_that_is_gone_does_not_matter() -> None:
    reading, writing = os.pipe()
    before = Voice(writing)
    os.close(reading)
    for voice in (before, Voice(writing)):
        voice.say("lost")
    os.close(writing)


def test_a_file_is_continued_where_it_is(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb", buffering=0) as log:
        log.write(b"first\n")
        Voice(log.fileno()).say("second")
    assert (tmp_path / "log").read_bytes() == b"first\nsecond\n"


def test_a_reader_that_has_fallen_behind_is_waited_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    waits: list[float] = []

    class Poll:
        def register(self, descriptor: int, events: int) -> None: ...

        def poll(self, milliseconds: float) -> list[tuple[int, int]]:
            waits.append(milliseconds)
            return []

    monkeypatch.setattr(select, "poll", Poll)
    handler = logging.StreamHandler(Voice(writing, patience=0.1))
    record = logging.LogRecord("x", logging.INFO, "", 0, "lost", (), None)
    fill(writing)
    for _ in range(3):
        handler.emit(record)
    assert waits == [100.0]
    assert b"lost" not in os.read(reading, 1 << 20)
    handler.emit(record)
    assert os.read(reading, 100) == b"lost\n"
    fill(writing)
    handler.emit(record)
    assert waits == [100.0] * 2
    for each in (reading, writing):
        os.close(each)
