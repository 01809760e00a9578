"""The native pool, driven without an event loop."""

import gc
import select
import threading
import weakref
from collections.abc import Iterator

import pytest

from tercet.compute._pool import Job, Pool, PoolStopped, PythonTiles, QueueFull
from tercet.compute.kernels._fibonacci import Fibonacci

# More steps than any test's time limit allows: such a job ends by a cancel alone.
FOREVER = (50, 1024)


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(2, 4)
    yield pool
    assert pool.close(30)
    pool.finished()


def take(pool: Pool, count: int) -> list[Job]:
    taken: list[Job] = []
    while len(taken) < count:
        select.select([pool], [], [])
        taken += pool.finished()
    return taken


def wait(pool: Pool, job: Job) -> None:
    assert take(pool, 1) == [job]


class Blocker:
    """Jobs that hold one thread each until `release`."""

    def __init__(self, pool: Pool, jobs: int) -> None:
        self.began = threading.Semaphore(0)
        self.gate = threading.Event()
        self.jobs = [PythonTiles(self._tile, 1, 1) for _ in range(jobs)]
        for job in self.jobs:
            pool.submit(job, 1)
            self.began.acquire()

    def _tile(self, low: int, high: int) -> None:
        self.began.release()
        self.gate.wait()


def test_every_slice_is_called_once(pool: Pool):
    seen: list[tuple[int, int]] = []
    job = PythonTiles(lambda low, high: seen.append((low, high)), 103, 10)
    pool.submit(job)
    wait(pool, job)
    assert sorted(seen) == [(low, min(low + 10, 103)) for low in range(0, 103, 10)]
    assert job.tiles == 11 and job.done and job.began and not job.cancelled


@pytest.mark.parametrize("job", [Job(), PythonTiles(print, 0, 1)])
def test_a_job_without_tiles_finishes(pool: Pool, job: Job):
    pool.submit(job)
    wait(pool, job)
    assert job.queued >= 0 and job.running >= 0


def test_jobs_begin_in_the_order_of_submission():
    pool = Pool(1, 10)
    blocker = Blocker(pool, 1)
    order: list[int] = []
    jobs = [PythonTiles(lambda low, high, i=i: order.append(i), 1, 1) for i in range(5)]
    for job in jobs:
        pool.submit(job)
    blocker.gate.set()
    assert take(pool, 6) == [*blocker.jobs, *jobs]
    assert order == [0, 1, 2, 3, 4]
    assert pool.close(30)


def test_a_job_uses_at_most_its_threads_and_leaves_the_rest_to_others(pool: Pool):
    threads: set[int] = set()
    gate = threading.Event()
    began = threading.Event()

    def tile(low: int, high: int) -> None:
        threads.add(threading.get_ident())
        began.set()
        gate.wait()

    limited = PythonTiles(tile, 8, 1)
    pool.submit(limited, 1)
    began.wait()
    other = Job()
    pool.submit(other)
    wait(pool, other)
    gate.set()
    wait(pool, limited)
    assert limited.threads == 1 and len(threads) == 1


def test_all_threads_work_on_one_job(pool: Pool):
    # Passes only if both tiles run at the same time.
    barrier = threading.Barrier(2)
    job = PythonTiles(lambda low, high: barrier.wait(60), 2, 1)
    pool.submit(job, 99)
    wait(pool, job)
    assert job.error is None and job.threads == 2


def test_a_full_queue_refuses_and_recovers(pool: Pool):
    blocker = Blocker(pool, 2)
    queued = [Job() for _ in range(4)]
    for job in queued:
        pool.submit(job)
    refused = Job()
    with pytest.raises(QueueFull):
        pool.submit(refused)
    now = pool.statistics()
    assert (now["waiting"], now["running"], now["idle"], now["refused"]) == (4, 2, 0, 1)
    blocker.gate.set()
    take(pool, 6)
    pool.submit(refused)  # A refused job was never submitted.
    wait(pool, refused)


def test_cancelling_a_running_job_frees_its_threads(pool: Pool):
    job = Fibonacci(*FOREVER)
    pool.submit(job)
    while not pool.statistics()["running"]:
        pass
    job.cancel()
    wait(pool, job)
    assert job.cancelled and job.began
    again = Fibonacci(10, 2)
    pool.submit(again)
    wait(pool, again)
    assert again.output.tolist() == [55, 55]


def test_cancelling_a_queued_job_finishes_it_at_once(pool: Pool):
    blocker = Blocker(pool, 2)
    job = Fibonacci(*FOREVER)
    pool.submit(job)
    job.cancel()
    wait(pool, job)  # Though no thread is free.
    assert job.cancelled and not job.began and job.running == 0
    job.cancel()  # No effect on a finished one.
    assert pool.finished() == []
    blocker.gate.set()
    take(pool, 2)


def test_a_job_cancelled_before_its_submission_does_nothing(pool: Pool):
    job = Fibonacci(*FOREVER)
    job.cancel()
    pool.submit(job)
    wait(pool, job)
    assert job.cancelled


def test_the_first_exception_of_a_tile_stops_the_job(pool: Pool):
    seen: list[int] = []

    def tile(low: int, high: int) -> None:
        seen.append(low)
        raise LookupError(low)

    job = PythonTiles(tile, 1000, 1)
    pool.submit(job)
    wait(pool, job)
    assert isinstance(job.error, LookupError) and job.cancelled
    assert len(seen) <= 2  # One tile per thread at most.


def test_a_job_is_submitted_once(pool: Pool):
    job = Job()
    pool.submit(job)
    with pytest.raises(RuntimeError, match="once"):
        pool.submit(job)
    wait(pool, job)
    with pytest.raises(RuntimeError, match="once"):
        pool.submit(job)


def test_times_of_an_unfinished_job_are_refused():
    with pytest.raises(RuntimeError, match="not finished"):
        _ = Job().queued


def test_closing_cancels_running_and_queued_jobs():
    pool = Pool(1, 4)
    jobs = [Fibonacci(*FOREVER) for _ in range(3)]
    for job in jobs:
        pool.submit(job)
    assert pool.close(60)
    # The queued ones end at the stop, the running one when its tile has seen the flag.
    assert set(take(pool, 3)) == set(jobs) and all(job.cancelled for job in jobs)
    with pytest.raises(PoolStopped):
        pool.submit(Job())
    assert pool.close(0)


def test_closing_gives_up_on_a_tile_that_does_not_return():
    pool = Pool(1, 4)
    blocker = Blocker(pool, 1)
    assert not pool.close(0)
    blocker.gate.set()
    assert pool.close(60)
    assert pool.finished() == blocker.jobs


def test_the_pool_keeps_a_job_alive_until_it_is_taken(pool: Pool):
    class Marked(Job):
        pass

    job = Marked()
    gone = weakref.ref(job)
    pool.submit(job)
    del job
    gc.collect()
    assert gone() is not None
    assert take(pool, 1) == [gone()]
    gc.collect()
    assert gone() is None


def test_dropping_an_open_pool_warns_and_ends_its_threads():
    pool = Pool(2, 4)
    with pytest.warns(ResourceWarning, match="close"):
        del pool


@pytest.mark.parametrize(("threads", "limit"), [(0, 1), (1025, 1), (1, 0)])
def test_bounds(threads: int, limit: int):
    with pytest.raises(ValueError, match="must be"):
        Pool(threads, limit)
