"""Finding a `register` function and calling it as its signature asks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet import rpc
from tercet.cluster.spec import WorkerSpec
from tercet.cluster.worker import loading
from tercet.cluster.worker.context import Worker
from tercet.errors import ConfigError
from tercet.rpc.health import Health


def spec(target: str = "x:y", **options: Any) -> WorkerSpec:
    return WorkerSpec(
        service="x",
        slot=0,
        generation=1,
        target=target,
        options=options,
        address="unix:/x",
        bind="",
        control="unix:/c",
        engine="grpcio",
        grace=1.0,
        max_message_bytes=1,
        server_options={},
        import_from_cwd=False,
    )


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes an importable module of some source and returns its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(source: str) -> str:
        name = f"made_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{name}.py").write_text(source)
        sys.modules.pop(name, None)
        return name

    return make


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("no_such_module:f", "no module 'no_such_module'"),
        ("examples.no_such:f", "no module 'examples.no_such'"),
        ("tercet.errors:f", "no function 'f'"),
        ("tercet.errors:annotations", "no function 'annotations'"),
    ],
)
def test_what_is_not_there_is_named(target: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        loading.load(spec(target))


def test_a_module_that_lacks_another_is_not_blamed(module: Callable[[str], str]) -> None:
    name = module("import no_such_dependency\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        loading.load(spec(f"{name}:f"))


async def call(register: Callable[..., Any], *, empty: bool = False, **options: Any) -> Worker:
    worker = Worker(spec(**options), send=lambda _: None)
    server = rpc.server()
    if not empty:
        Health().add_to(server)
    await loading.call(register, server, worker)
    return worker


async def test_what_registers_nothing_is_refused() -> None:
    def register(server: object) -> None: ...

    with pytest.raises(ConfigError, match="registered no service"):
        await call(register, empty=True)


@pytest.mark.parametrize("returned", [5, object(), print])
async def test_what_returns_no_closer_is_refused(returned: object) -> None:
    with pytest.raises(ConfigError, match="returned"):
        await call(lambda server: returned)


async def test_options_and_the_worker_are_given_by_name() -> None:
    given: dict[str, Any] = {}

    def register(server: object, *, worker: Worker, colour: str = "red", size: int) -> None:
        given.update(worker=worker, colour=colour, size=size)

    worker = await call(register, size=3)
    assert given == {"worker": worker, "colour": "red", "size": 3}


async def test_it_may_be_async_and_return_a_closer() -> None:
    async def close() -> None: ...

    async def register(server: object) -> Any:
        return close

    assert (await call(register)).closing == [close]


async def test_options_that_do_not_fit_are_refused() -> None:
    def register(server: object, *, size: int) -> None: ...

    for options in ({}, {"size": 1, "colour": "red"}):
        with pytest.raises(ConfigError, match=r"does not take these options.*; see .* --option"):
            await call(register, **options)


async def test_a_type_error_inside_is_not_mistaken_for_that() -> None:
    def register(server: object) -> None:
        raise TypeError("my bug")

    with pytest.raises(TypeError, match="my bug"):
        await call(register)


async def test_options_of_the_wrong_type_name_the_place() -> None:
    class Options(msgspec.Struct):
        size: int

    def register(server: object, **options: Any) -> None:
        msgspec.convert(options, Options)

    with pytest.raises(ConfigError, match=r"at `\$.size`"):
        await call(register, size="big")
