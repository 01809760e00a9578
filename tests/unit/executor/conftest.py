from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest
import uvloop

from tercet.executor.service import register
from tercet.executor.spawn import Spawner
from tercet.executor.v1 import executor_pb2_grpc
from tercet.rpc import server
from tests.support import running

CHILDREN = Path(__file__).parents[2] / "children"

# What the children with arguments take; all others take none.
ARGUMENTS = {
    "exit_with": 'code = { type = "integer", help = "code", minimum = 0, maximum = 255 }',
    "count_what_it_writes": """
        counter = { type = "string", help = "path" }
        bytes = { type = "integer", help = "bytes" }
    """,
    "print_arguments": """
        text = { type = "string", help = "any", default = "-" }
        word = { type = "string", help = "a word", optional = true, pattern = "[a-z]+" }
        count = { type = "integer", help = "a number", default = 3, minimum = 1, maximum = 9 }
        ratio = { type = "real", help = "a number", default = 0.5, minimum = 0, maximum = 1 }
        side = { type = "choice", help = "a choice", default = "left", choices = ["left", "right"] }
    """,
    "write_file_and_fail": 'output = { type = "output_file", help = "file" }',
    "copy": """
        input = { type = "input_file", help = "file" }
        output = { type = "output_file", help = "file" }
    """,
}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Workers run on uvloop. What polls descriptors is tried on asyncio's own loop too."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"uvloop": uvloop.new_event_loop}
    if item.path.stem in ("test_pipes", "test_process", "test_spawn", "test_pipeline"):
        loops["asyncio"] = asyncio.new_event_loop
    return loops


@pytest.fixture(scope="session")
def children(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue in which each awkward child is a program."""
    entries = []
    for child in sorted(CHILDREN.glob("*.py")):
        arguments = ARGUMENTS.get(child.stem, "")
        names = [line.split("=")[0].strip() for line in arguments.splitlines() if "=" in line]
        groups = ", ".join(
            f'["{{{name}}}"]' if name == "word" else f'"{{{name}}}"' for name in names
        )
        entries.append(
            f"""
            [programs.{child.stem}]
            path = "{sys.executable}"
            help = "see tests/children"
            argv = ["-I", "-S", "--", "{child}", {groups}]
            [programs.{child.stem}.arguments]
            {arguments}
            """
        )
    entries.append(
        """
        [programs.shell]
        path = "sh"
        help = "for tests"
        argv = ["-c", "{script}", "sh", ["{file}"]]
        [programs.shell.arguments]
        script = { type = "string", help = "script" }
        file = { type = "input_file", help = "file", optional = true }

        [programs.missing]
        path = "/nonexistent/program"
        help = "for tests"

        [programs.impatient]
        path = "sleep"
        help = "for tests"
        timeout = 0.2
        argv = ["600"]
        """
    )
    path = tmp_path_factory.mktemp("catalogue") / "children.toml"
    path.write_text("\n".join(entries))
    return path


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


@pytest.fixture
async def spawner() -> AsyncIterator[Spawner]:
    spawner = Spawner()
    yield spawner
    spawner.close()


Connect = Callable[..., contextlib.AbstractAsyncContextManager[executor_pb2_grpc.ExecutorStub]]


@pytest.fixture
def connect(children: Path, tmp_path: Path) -> Connect:
    """Starts an executor with some options, and yields a stub of it."""

    @contextlib.asynccontextmanager
    async def connected(**options: object) -> AsyncIterator[executor_pb2_grpc.ExecutorStub]:
        made = server()
        close = register(made, **{"catalogue": str(children), "grace_seconds": 0.3, **options})
        folder = tmp_path / "socket"
        folder.mkdir(exist_ok=True)
        (folder / "s").unlink(missing_ok=True)
        try:
            async with running(made, folder) as channel:
                yield executor_pb2_grpc.ExecutorStub(channel)
        finally:
            await close()

    return connected


@pytest.fixture
async def executor(connect: Connect, media: Path) -> AsyncIterator[executor_pb2_grpc.ExecutorStub]:
    async with connect(media_root=str(media)) as stub:
        yield stub


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def _no_child_left() -> Iterator[None]:
    """Every test must leave neither a child nor a zombie behind.

    A mesh that other tests share may be a child of this process all the while.
    """
    before = psutil.Process().children()
    yield
    assert psutil.Process().children() == before
