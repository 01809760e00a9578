"""A server process for each test: what one test leaves behind is not the next one's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.soak.form import TIMEOUT
from tests.soak.served import Served


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # A hook of this folder is called with the items of all.
        if item.path.is_relative_to(__file__.removesuffix("conftest.py")):
            # Of a thread: a client that waits in C does not see a signal's exception.
            item.add_marker(pytest.mark.timeout(TIMEOUT, method="thread"))


@pytest.fixture
def served() -> Iterator[Served]:
    with Served("native") as started:
        yield started
