"""One line that says why."""

from __future__ import annotations

import pytest

from tercet.cluster.worker.cause import LONGEST, cause_of
from tercet.errors import ConfigError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConfigError("there is no port", hint="find one"), "there is no port"),
        (KeyError("a"), "KeyError: 'a'"),
        (ValueError(), "ValueError"),
        (ValueError("\n\n first\nsecond"), "ValueError:"),
        (
            OSError(2, "No such file", "\udcff"),
            "FileNotFoundError: [Errno 2] No such file: '\\udcff'",
        ),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_it_is_the_last_line_of_the_traceback(error: BaseException, line: str) -> None:
    assert cause_of(error) == line


def test_it_is_short() -> None:
    cause = cause_of(RuntimeError("x" * 1000))
    assert len(cause) == LONGEST
    assert cause.startswith("RuntimeError: xxx") and cause.endswith("x…")
