from __future__ import annotations

import errno

import pytest

from tercet.executor.outcome import (
    Abandoned,
    Ending,
    OutputLimit,
    TimeLimit,
    ended,
    not_started,
    succeeded,
)
from tercet.executor.process import ExitStatus


@pytest.mark.parametrize(
    ("status", "ending", "asked", "told"),
    [
        (ExitStatus(0, None), None, (), "exited { }"),
        (ExitStatus(3, None), None, (15,), "exited { code: 3 }"),
        (ExitStatus(None, 11), None, (), 'signaled { signal: 11 name: "SIGSEGV" }'),
        (ExitStatus(None, 15), None, (9,), 'signaled { signal: 15 name: "SIGTERM" }'),
        (ExitStatus(None, 40), None, (), 'signaled { signal: 40 name: "SIG40" }'),
        (ExitStatus(None, 9), None, (9,), 'stopped { signal: 9 name: "SIGKILL" }'),
        (ExitStatus(None, 9), Abandoned(), (), 'stopped { signal: 9 name: "SIGKILL" }'),
        (ExitStatus(None, 15), TimeLimit(2.5), (15,), "timed_out { limit { seconds: 2 nanos:"),
        # It answered SIGTERM with success: it ran too long all the same.
        (ExitStatus(0, None), TimeLimit(1), (), "timed_out { limit { seconds: 1 } }"),
        (ExitStatus(None, 13), OutputLimit(10), (), "output_limit { limit_bytes: 10 }"),
    ],
)
def test_an_end_is_told_by_who_caused_it(
    status: ExitStatus, ending: Ending | None, asked: tuple[int, ...], told: str
) -> None:
    outcome = ended(
        status, ending=ending, forced=False, asked=asked, elapsed=1.5, killed_descendants=True
    )
    text = " ".join(str(outcome).split())
    assert text.startswith(told)
    assert text.endswith("elapsed { seconds: 1 nanos: 500000000 } killed_descendants: true")
    assert succeeded(outcome) == told.startswith("exited { }")


def test_a_failed_start_tells_no_path_of_the_server() -> None:
    outcome = not_started(FileNotFoundError(errno.ENOENT, "No such file", "/secret/path"))
    assert outcome.spawn_failed.errno == errno.ENOENT
    assert "secret" not in str(outcome)
