from __future__ import annotations

import msgspec
import pytest

from tercet.executor.config import LARGEST_OUTPUT, MAX_STAGES, STDERR_TAIL, ExecutorConfig


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_programs": 0}, "max_programs is 0"),
        ({"max_output_bytes": 0}, "max_output_bytes is 0"),
        ({"max_output_bytes": 5 << 20}, "Spawn has no such limit"),
        ({"grace_seconds": -1}, "grace_seconds is -1"),
        ({"settle_seconds": float("nan")}, "settle_seconds is nan"),
        ({"media_rot": "x"}, "media_rot"),
        ({"catalogue": 3}, "catalogue"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        msgspec.convert(options, ExecutorConfig)


def test_the_largest_answer_fits_one_message() -> None:
    assert LARGEST_OUTPUT + MAX_STAGES * STDERR_TAIL < (4 << 20) - (64 << 10)
