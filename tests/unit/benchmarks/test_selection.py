from __future__ import annotations

import pytest

from benchmarks.selection import selected

KNOWN = {"a": 1, "b": 2, "c": 3}


def test_all_unless_some_are_chosen() -> None:
    assert selected(None, KNOWN) == [1, 2, 3]
    assert selected(["c", "a"], KNOWN) == [1, 3]


def test_an_unknown_one_is_told_with_the_known() -> None:
    with pytest.raises(ValueError, match="there is no 'd'; there are a, b, c"):
        selected(["a", "d"], KNOWN)
