"""Time for these tests."""

from __future__ import annotations

import pytest

from tests.attacks.form import TIMEOUT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # A hook of this folder is called with the items of all.
        if item.path.is_relative_to(__file__.removesuffix("conftest.py")):
            item.add_marker(pytest.mark.timeout(TIMEOUT))
