from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tercet.compute.pool import Pool

THREADS = 2
QUEUE_LIMIT = 4


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(THREADS, QUEUE_LIMIT)
    yield pool
    assert await pool.close(30)
