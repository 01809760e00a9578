"""Zygotes for targets that a test writes itself."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tercet.cluster import prctl
from tercet.cluster.spec import ServiceSpec
from tercet.cluster.zygote.starter import Zygote

GREETER = """
import examples.greeter

def register(server):
    examples.greeter.register(server)
"""


@pytest.fixture
async def preload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Zygote]]:
    """Makes a zygote for a module with that text, which is the target of exec'd workers too."""
    made: list[Zygote] = []
    before = _children()
    paths = [str(tmp_path), os.getcwd(), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    def make(text: str = "", *, engine: str = "native") -> Zygote:
        (tmp_path / "shop.py").write_text(text + GREETER)
        service = ServiceSpec(name="shop", target="shop:register", workers=2, preload=True)
        made.append(Zygote(service, engine))
        return made[-1]

    yield make
    for zygote in made:
        zygote.stop()
        await zygote.gone()
    _reap(before)
    # Orphans of other tests are none of this process's.
    prctl.adopt_orphans(False)


def _children() -> set[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return set(map(int, text.split()))


def _reap(before: set[int]) -> None:
    """Takes away what a test has left: those that were forked and not told to go are orphans."""
    while left := _children() - before:
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
