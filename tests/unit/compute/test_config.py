from __future__ import annotations

import msgspec
import pytest

from tercet.cluster.sizing import usable_cpus
from tercet.compute.config import ComputeConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": -1}, "threads"),
        ({"threads": 1025}, "threads"),
        ({"queue_limit": 0}, "queue_limit"),
        ({"max_fill_elements": (1 << 30) + 1}, "max_fill_elements"),
        ({"max_pixels": 0}, "max_pixels"),
        ({"max_encoded_bytes": 0}, "max_encoded_bytes"),
        ({"memory_limit": 0}, "memory_limit"),
        ({"thread": 1}, "thread"),
        ({"threads": "two"}, "threads"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], message: str):
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(options, ComputeConfig)


def test_threads_default_to_the_usable_cpus():
    assert ComputeConfig().resolved_threads() == usable_cpus()
    assert ComputeConfig(threads=3).resolved_threads() == 3
