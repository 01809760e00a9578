"""Runs jobs to their end without an event loop."""

import select
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tercet.compute._pool import Job, Pool

AnyJob = TypeVar("AnyJob", bound=Job)
Run = Callable[..., AnyJob]

THREADS = 5


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """`run(job, threads)` on a pool of 5 threads gives the finished job."""
    pool = Pool(THREADS, 1)

    def to_the_end(job: AnyJob, threads: int = 0) -> AnyJob:
        pool.submit(job, threads)
        select.select([pool], [], [])
        assert pool.finished() == [job]
        assert not job.cancelled and job.error is None
        return job

    yield to_the_end
    assert pool.close(30)
