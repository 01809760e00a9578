"""Zygotes for targets that a test writes itself."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tercet.cluster import prctl
from tercet.cluster.spec import ServiceSpec
from tercet.cluster.zygote.starter import Zygote

Preload = Callable[[str], Zygote]

GREETER = """
import examples.greeter

def register(server):
    examples.greeter.register(server)
"""


@pytest.fixture
async def preload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[str], Zygote]]:
    """Makes a zygote for a module with that text, which is the target of exec'd workers too."""
    made: list[Zygote] = []
    paths = [str(tmp_path), os.getcwd(), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    def make(text: str = "") -> Zygote:
        (tmp_path / "shop.py").write_text(text + GREETER)
        service = ServiceSpec(name="shop", target="shop:register", workers=2, preload=True)
        made.append(Zygote(service, "native"))
        return made[-1]

    yield make
    for zygote in made:
        zygote.stop()
        await zygote.gone()
    _reap()
    # Orphans of other tests are none of this process's.
    prctl.adopt_orphans(False)


def _reap() -> None:
    """Takes away what a test has left, where it failed: it is a child of this process."""
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        # That of a zombie is empty, but it has its name.
        shown = Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/comm").read_text()
        if "shop/" in shown:
            os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(pid), 0)
