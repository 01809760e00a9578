from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator

import pytest

from tercet.errors import ResourceExhausted
from tercet.executor.descriptors import Descriptors
from tests.unit.executor.conftest import descriptors


async def test_leaving_closes_what_was_not_closed() -> None:
    before = descriptors()
    with Descriptors() as made:
        reading, _ = made.pipe()
        made.close(reading)
        reader, _ = made.reader()
        _, writer = made.writer()
        made.null()
        writer.close()
    assert descriptors() == before
    assert reader.ended.done()


async def test_nothing_is_inherited_that_was_not_declared() -> None:
    with Descriptors() as made:
        for fd in (*made.pipe(), made.null()):
            assert not os.get_inheritable(fd)


@contextlib.contextmanager
def few_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, descriptors())) + 4, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_running_out_of_them_is_a_limit_that_may_be_retried() -> None:
    with Descriptors() as made, few_descriptors(), pytest.raises(ResourceExhausted) as refused:
        for _ in range(10_000):
            made.pipe()
    assert refused.value.reason == "NO_DESCRIPTORS"
