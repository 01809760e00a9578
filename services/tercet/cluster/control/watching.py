"""For development: asks for a reload when a file of the code, or the configuration, has changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tercet.errors import ConfigError, TercetError

if TYPE_CHECKING:
    from watchfiles import Change

log = logging.getLogger("tercet")

# Milliseconds: an editor writes several files, and each of them in several steps.
DEBOUNCE = 500
STEP = 50


class Watcher:
    """
    Args:
        paths: Directories, whose Python files are meant, at any depth; and single files.
        reload: Awaited after a change; those that come meanwhile make one more.

    Raises:
        ConfigError: A path is not there, or what watches them is not installed.
    """

    def __init__(self, paths: Iterable[str], *, reload: Callable[[], Awaitable[None]]) -> None:
        try:
            import watchfiles  # noqa: F401
        except ImportError as error:
            raise ConfigError(
                "watching files needs watchfiles", hint="pip install 'tercet[reload]'"
            ) from error
        # It tells how many changes it has seen, each time.
        logging.getLogger("watchfiles").setLevel(logging.WARNING)
        self._reload = reload
        self._directories: list[Path] = []
        self._files: list[Path] = []
        for path in map(Path, paths):
            if not path.exists():
                raise ConfigError(f"cannot watch {path}: there is no such file or directory")
            (self._directories if path.is_dir() else self._files).append(path.resolve())
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    def start(self) -> None:
        watches = [
            self._watch(self._directories, _is_code, recursive=True),
            # A file's directory: many editors put another file in its place.
            self._watch({file.parent for file in self._files}, self._is_file, recursive=False),
            self._reload_at_changes(),
        ]
        self._tasks = [asyncio.create_task(each) for each in watches]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(
        self,
        places: Iterable[Path],
        accept: Callable[[Change, str], bool],
        *,
        recursive: bool,
    ) -> None:
        if not (places := list(places)):
            return
        try:
            async for changes in _changes(places, accept, recursive):
                log.info("%s has changed; reloading", min(path for _, path in changes))
                self._changed.set()
        except (OSError, RuntimeError) as error:
            # Such as the limit of inotify watches, or a directory that was taken away.
            log.error("files are not watched any more: %s", error)

    async def _reload_at_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._reload()
            except TercetError as error:
                # The supervisor has said so; the next change may mend it.
                log.debug("the reload failed: %s", error)

    def _is_file(self, change: Change, path: str) -> bool:
        return Path(path) in self._files


def _changes(
    places: Sequence[Path], accept: Callable[[Change, str], bool], recursive: bool
) -> AsyncIterator[set[tuple[Any, str]]]:
    from watchfiles import awatch

    return awatch(*places, watch_filter=accept, debounce=DEBOUNCE, step=STEP, recursive=recursive)


def _is_code(change: Change, path: str) -> bool:
    from watchfiles import DefaultFilter

    # Its directories of caches, version control and environments are left out.
    return path.endswith(".py") and DefaultFilter()(change, path)
