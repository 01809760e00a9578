"""Listening sockets that a server was given, and shares with others."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest

from tercet import rpc


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as made:
        yield made


@asynccontextmanager
async def serving(listener: socket.socket, name: bytes) -> AsyncIterator[rpc.Server]:
    async def who(request: bytes, context: object) -> bytes:
        return name

    server = rpc.server(engine="native")
    handlers = {"Who": grpc.unary_unary_rpc_method_handler(who)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", handlers),))
    assert server.add_insecure_port(f"fd:{listener.fileno()}") == listener.getsockname()[1]
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


async def ask(listener: socket.socket) -> bytes:
    address = "{}:{}".format(*listener.getsockname())
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(address, options=options) as to:
        answer: bytes = await to.unary_unary("/a.B/Who")(b"", timeout=20, wait_for_ready=True)
        return answer


async def test_two_servers_accept_on_one_and_either_may_stop(listener: socket.socket) -> None:
    async with serving(listener, b"new"):
        async with serving(listener, b"old"):
            assert {await ask(listener) for _ in range(8)} <= {b"old", b"new"}
        # Neither listening anew nor closing has done anything to it.
        assert [await ask(listener) for _ in range(8)] == [b"new"] * 8


async def test_who_waits_to_be_accepted_survives_a_stop(listener: socket.socket) -> None:
    async with serving(listener, b"old"):
        pass
    waiting = asyncio.create_task(ask(listener))
    with socket.create_connection(listener.getsockname()):
        async with serving(listener, b"new"):
            assert await waiting == b"new"


async def test_a_server_closes_its_duplicates_and_not_what_it_was_given(
    listener: socket.socket,
) -> None:
    async with serving(listener, b"first"):
        assert await ask(listener) == b"first"
    assert same_as(listener) == [listener.fileno()]


async def test_the_file_of_a_unix_socket_stays_for_who_accepts_on_it_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "s"))
        made.listen()
        server = rpc.server(engine="native")
        server.add_insecure_port(f"fd:{made.fileno()}")
        await server.start()
        await server.stop(0)
    assert (tmp_path / "s").exists()


async def test_its_duplicates_are_not_inherited(listener: socket.socket) -> None:
    listener.set_inheritable(True)
    async with serving(listener, b"it"):
        assert len(same_as(listener)) > 1
        inherited = [number for number in same_as(listener) if os.get_inheritable(number)]
        assert inherited == [listener.fileno()]


def same_as(listener: socket.socket) -> list[int]:
    """The descriptors of this process that are that socket."""
    found = []
    for number in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(number), os.fstat(listener.fileno())):
                found.append(number)
    return found
