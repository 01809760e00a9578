from __future__ import annotations

import pytest

from tercet.compute.memory import Memory
from tercet.errors import ResourceExhausted


def test_what_is_held_comes_back_even_after_an_error():
    memory = Memory(100)
    with pytest.raises(KeyError), memory.holding(100):
        raise KeyError
    with memory.holding(60), memory.holding(40):
        assert memory.held == 100
    assert memory.held == 0


@pytest.mark.parametrize(("size", "retry_after"), [(41, 0.1), (101, None)])
def test_more_than_is_left_is_refused(size: int, retry_after: float | None):
    memory = Memory(100)
    with (
        memory.holding(60),
        pytest.raises(ResourceExhausted, match="40 of 100") as refused,
        memory.holding(size),
    ):
        raise AssertionError("it was given")
    assert refused.value.reason == "MEMORY_LIMIT"
    assert refused.value.retry_after == retry_after
    assert memory.held == 0
