"""A mesh of its own for each test, of each suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.meshes import Mesh
from tests.promises.form import TIMEOUT
from tests.promises.scene import WORKERS, configuration

Start = Callable[..., Mesh]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # A hook of this folder is called with the items of all.
        if item.path.is_relative_to(__file__.removesuffix("conftest.py")):
            item.add_marker(pytest.mark.timeout(TIMEOUT, method="thread"))


@pytest.fixture(params=sorted(WORKERS))
def suite(request: pytest.FixtureRequest) -> str:
    """The calls, and the mesh that can answer them."""
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a mesh: start(suite, cluster="hang_timeout = 2")."""
    made: list[Mesh] = []

    def begin(suite: str, *arguments: str, **lines: str) -> Mesh:
        path = configuration(suite, tmp_path, **lines)
        made.append(Mesh("up", "--config", str(path), *arguments))
        return made[-1].wait_ready()

    yield begin
    for each in made:
        each.close()
