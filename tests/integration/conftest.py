"""Meshes for tests. `mesh` is shared and must be left as it was found; `start` makes others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tercet.rpc import ENGINES
from tests.integration.meshes import Mesh

Start = Callable[..., Mesh]

CONFIG = """
[cluster]
health = "127.0.0.1:0"

[gateway]
bind = "127.0.0.1:0"

[compute]
threads = 2

[executor]
media_root = "{media_root}"

[services.greeter]
target = "examples.greeter:register"
workers = 2
bind = "127.0.0.1:0"
"""


@pytest.fixture(scope="session")
def media_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session", params=sorted(ENGINES))
def mesh(
    media_root: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Mesh]:
    """The whole mesh with two greeters, on each engine."""
    config = tmp_path_factory.mktemp("mesh") / "tercet.toml"
    config.write_text(CONFIG.format(media_root=media_root))
    made = Mesh("up", "--config", str(config), "--engine", request.param)
    try:
        yield made.wait_ready()
    finally:
        made.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a mesh of the test's own, which may be broken at will: start("serve", ...)."""
    made: list[Mesh] = []

    def begin(*arguments: str, **keywords: object) -> Mesh:
        made.append(Mesh(*arguments, **keywords))  # type: ignore[arg-type]
        return made[-1]

    yield begin
    for each in made:
        each.close()


@pytest.fixture(params=sorted(ENGINES))
def greeters(start: Start, request: pytest.FixtureRequest) -> Mesh:
    """Two greeters behind a gateway, on each engine."""
    return start(
        *("serve", "examples.greeter:register", "--workers", "2"),
        *("--bind", "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--grace", "5"),
        *("--engine", request.param),
    ).wait_ready()
