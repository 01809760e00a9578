from __future__ import annotations

import pytest

from tercet.compute.registry import Registry
from tercet.compute.v1 import compute_pb2
from tercet.errors import NotFound


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(NotFound, match="fibonacci, random_sum, sum_of_squares") as refused:
        Registry().find("fibonaci")
    assert (refused.value.reason, refused.value.field) == ("UNKNOWN_KERNEL", "kernel")


def test_the_listing_is_sorted_and_complete():
    listing = Registry().listing()
    assert [kernel.name for kernel in listing] == ["fibonacci", "random_sum", "sum_of_squares"]
    fibonacci = listing[0]
    assert [parameter.name for parameter in fibonacci.parameters] == ["n", "tasks"]
    n, tasks = fibonacci.parameters
    assert (n.minimum.integer, n.maximum.integer, n.HasField("default")) == (0, 50, False)
    assert tasks.default.integer == 1
    assert list(fibonacci.outputs[0].dtypes) == [compute_pb2.ELEMENT_TYPE_INT64]
    assert all(kernel.help and kernel.outputs for kernel in listing)
