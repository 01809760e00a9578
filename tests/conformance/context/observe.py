"""Runs a behaviour on an engine and tells what the client, and the handler, saw."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from tercet import rpc
from tests.conformance.context.behaviour import Behaviour
from tests.support import eventually

SERVICE = "conformance.Context"
# What an engine may say about itself.
OWN_KEYS = {"date", "server", "grpc-accept-encoding", "accept-encoding", "content-type"}
# Calls of one test share no connection with another's.
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]


@dataclass(frozen=True)
class Observation:
    """All that can be seen of a call; of metadata, the order between keys means nothing."""

    messages: list[Any]
    code: grpc.StatusCode
    details: str
    initial: list[tuple[str, str | bytes]]
    trailing: list[tuple[str, str | bytes]]
    notes: list[str]


async def observe(behaviour: Behaviour, engine: str) -> Observation:
    notes: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        async with _serving(behaviour, engine, notes, pool) as address:
            if behaviour.client is None:
                seen = await asyncio.to_thread(_talk, behaviour, address)
            else:
                seen = await _drive(behaviour, address)
            if (until := behaviour.until) is not None:
                await eventually(lambda: until in notes)
            return Observation(notes=list(notes), **seen)


@contextlib.asynccontextmanager
async def _serving(
    behaviour: Behaviour, engine: str, notes: list[str], pool: ThreadPoolExecutor
) -> AsyncIterator[str]:
    server = rpc.server(
        engine=engine,
        migration_thread_pool=pool,
        interceptors=[make(notes.append) for make in behaviour.interceptors],
        options=behaviour.options,
    )
    handler = getattr(grpc, f"{behaviour.kind}_rpc_method_handler")(
        functools.partial(behaviour.handler, note=notes.append),
        request_deserializer=behaviour.deserializer,
        response_serializer=behaviour.serializer,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {behaviour.name: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


def _method(behaviour: Behaviour) -> str:
    return behaviour.method or f"/{SERVICE}/{behaviour.name}"


def _talk(behaviour: Behaviour, address: str) -> dict[str, Any]:
    """Sends the requests and takes the answers.

    With the blocking client: that of asyncio may end a call with an INTERNAL of its own making
    where a write finds the call answered already.
    """
    messages = []
    with grpc.insecure_channel(address, options=OPTIONS) as channel:
        begin: Any = getattr(channel, behaviour.client_kind)(_method(behaviour))
        request: Any = behaviour.requests[0] if behaviour.requests else None
        if behaviour.client_kind.startswith("stream"):
            request = iter(behaviour.requests)
        keywords = {"metadata": behaviour.metadata, "timeout": behaviour.timeout}
        with contextlib.suppress(grpc.RpcError):
            if behaviour.client_kind.endswith("stream"):
                call = begin(request, **keywords)
                for message in call:
                    messages.append(message)
            else:
                call = begin.future(request, **keywords)
                messages.append(call.result())
        return {
            "messages": messages,
            "code": call.code(),
            "details": call.details() if behaviour.worded else "",
            "initial": multiset(call.initial_metadata()),
            "trailing": multiset(call.trailing_metadata()),
        }


async def _drive(behaviour: Behaviour, address: str) -> dict[str, Any]:
    """Lets the behaviour's own client drive the call."""
    assert behaviour.client is not None
    messages: list[Any] = []
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        begin: Any = getattr(channel, behaviour.client_kind)(_method(behaviour))
        given = () if behaviour.client_kind.startswith("stream") else behaviour.requests
        call = begin(*given, metadata=behaviour.metadata, timeout=behaviour.timeout)
        # How it ended is asked of the call.
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
            await behaviour.client(call, messages)
        return {
            "messages": messages,
            "code": await call.code(),
            "details": await call.details() if behaviour.worded else "",
            "initial": multiset(await call.initial_metadata()),
            "trailing": multiset(await call.trailing_metadata()),
        }


def multiset(metadata: Any) -> list[tuple[str, str | bytes]]:
    pairs = [(key, value) for key, value in metadata or () if key not in OWN_KEYS]
    return sorted(pairs, key=repr)
