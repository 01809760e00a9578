"""A mesh of its own for each test, of each suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.meshes import Mesh
from tests.promises.form import TIMEOUT
from tests.promises.scene import SERVICES, configuration

Start = Callable[..., Mesh]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # A hook of this folder is called with the items of all.
        if item.path.is_relative_to(__file__.removesuffix("conftest.py")):
            item.add_marker(pytest.mark.timeout(TIMEOUT, method="thread"))


@pytest.fixture(params=sorted(SERVICES))
def suite(request: pytest.FixtureRequest) -> str:
    """The calls, and the mesh that can answer them."""
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a mesh: start(suite, cluster="hang_timeout = 2")."""
    made: list[Mesh] = []

    def begin(suite: str, *, environ: Mapping[str, str] | None = None, **how: Any) -> Mesh:
        path = configuration(suite, tmp_path, **how)
        made.append(Mesh("up", "--config", str(path), environ=environ))
        return made[-1].wait_ready()

    yield begin
    for each in made:
        each.close()
