"""Reloads when files change."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tercet.cluster.control import watching
from tercet.cluster.control.watching import Watcher
from tercet.errors import ConfigError, FailedPrecondition
from tests.support import eventually


@asynccontextmanager
async def watched(*paths: Path, reloads: list[int]) -> AsyncIterator[Watcher]:
    async def reload() -> None:
        reloads.append(len(reloads) + 1)
        if len(reloads) == 1:
            raise FailedPrecondition("the first one fails")

    watcher = Watcher(map(str, paths), reload=reload)
    watcher.start()
    try:
        yield watcher
    finally:
        await watcher.close()


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def until_reloaded(file: Path, reloads: list[int]) -> None:
    """Changes a file until that is noticed: the watch begins some time after its start."""
    count = len(reloads)
    for number in range(200):
        write(file, f"x = {number}\n")
        for _ in range(10):
            await asyncio.sleep(0.01)
            if len(reloads) > count:
                return
    pytest.fail("nobody has noticed")


async def test_a_change_of_code_or_configuration_is_a_reload_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "DEBOUNCE", 50)
    code, other = tmp_path / "code", tmp_path / "other"
    (code / "deep").mkdir(parents=True)
    other.mkdir()
    configuration = other / "tercet.toml"
    configuration.touch()
    reloads: list[int] = []
    async with watched(code, configuration, reloads=reloads):
        await until_reloaded(code / "deep" / "a.py", reloads)
        # The one before has failed; that ends nothing.
        await until_reloaded(code / "b.py", reloads)
        await until_reloaded(configuration, reloads)


async def test_an_editor_may_put_another_file_in_the_place_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "DEBOUNCE", 50)
    configuration = tmp_path / "tercet.toml"
    configuration.touch()
    reloads: list[int] = []
    async with watched(configuration, reloads=reloads):
        await until_reloaded(configuration, reloads)
        count = len(reloads)
        (tmp_path / "new").write_text("y = 1\n")
        (tmp_path / "new").replace(configuration)
        await eventually(lambda: len(reloads) > count)
        await until_reloaded(configuration, reloads)


@pytest.mark.parametrize(
    ("path", "is_code"),
    [
        ("a.py", True),
        ("deep/a.py", True),
        ("a.pyc", False),
        ("notes.txt", False),
        ("__pycache__/a.py", False),
        (".venv/lib/a.py", False),
    ],
)
def test_what_is_code(path: str, is_code: bool) -> None:
    from watchfiles import Change

    assert watching._is_code(Change.modified, f"/somewhere/{path}") is is_code


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(ConfigError, match=r"pip install 'tercet\[reload\]'"):
        Watcher(["."], reload=lambda: asyncio.sleep(0))


def test_a_path_that_is_not_there_is_said() -> None:
    with pytest.raises(ConfigError, match="cannot watch /no/such"):
        Watcher(["/no/such"], reload=lambda: asyncio.sleep(0))
