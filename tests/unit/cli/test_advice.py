"""What is advised after a reload has failed, by what the mesh says of it."""

from __future__ import annotations

import pytest

from tercet.cli.advice import about_reload


@pytest.mark.parametrize(
    "cause",
    [
        "shop/0: its successor exited with 1: SyntaxError: invalid syntax (shop.py, line 1)",
        "a-b/12: exited with 78",
    ],
)
def test_the_code_of_a_worker_is_seen_by_importing_it(cause: str) -> None:
    message, hint = about_reload(cause)
    assert message == cause
    assert "tercet check --import" in hint
    assert "the log" in hint


def test_what_the_command_has_advised_is_the_advice() -> None:
    assert about_reload("tercet.toml:3: queue is -1\nhint: raise it") == (
        "tercet.toml:3: queue is -1",
        "raise it",
    )


@pytest.mark.parametrize(
    "cause",
    [
        "tercet.toml:3: queue is -1",
        "cannot bind 127.0.0.1:50060: Address already in use",
        "shop/0 is about to go",
        "there are to be 9 gateway processes, and this mesh was started for 3 at most",
    ],
)
def test_none_is_better_than_one_that_is_wrong(cause: str) -> None:
    assert about_reload(cause) == (cause, "")
