"""Servers with TLS, and who may call them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
import trustme
import uvloop

from tercet import rpc

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Runs a coroutine on one of the loops: each has a TLS of its own."""

    def on_loop(coroutine: Any) -> Any:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(coroutine)

    return on_loop


def pair(certificate: trustme.LeafCert) -> tuple[bytes, bytes]:
    chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
    return certificate.private_key_pem.bytes(), chain


def root(authority: trustme.CA) -> bytes:
    return bytes(authority.cert_pem.bytes())


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Tercet's tests")


@pytest.fixture(scope="session")
def localhost(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost", "127.0.0.1")


async def tell(request: bytes, context: Any) -> bytes:
    """What the handler knows of its client."""
    return repr(
        (
            context.peer_identities() and list(context.peer_identities()),
            context.peer_identity_key(),
            {key: list(values) for key, values in context.auth_context().items()},
        )
    ).encode()


async def echo(request: bytes, context: Any) -> bytes:
    return request


def tells() -> grpc.GenericRpcHandler:
    handlers: dict[str, Any] = {
        name: grpc.unary_unary_rpc_method_handler(handler)
        for name, handler in {"T": tell, "E": echo}.items()
    }
    made: grpc.GenericRpcHandler = grpc.method_handlers_generic_handler("a.B", handlers)
    return made


@contextlib.asynccontextmanager
async def serving(
    engine: str, credentials: grpc.ServerCredentials, **options: int
) -> AsyncIterator[int]:
    """The port of a server of `tell` and `echo`; options without their "grpc."."""
    named = [(f"grpc.{name}", value) for name, value in options.items()]
    server = rpc.server(engine=engine, options=named)
    server.add_generic_rpc_handlers((tells(),))
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


@contextlib.asynccontextmanager
async def channel(
    port: int,
    roots: bytes,
    client: trustme.LeafCert | None = None,
    name: str = "localhost",
    method: str = "T",
) -> AsyncIterator[Any]:
    key, chain = pair(client) if client is not None else (None, None)
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.ssl_target_name_override", name),
        ("grpc.max_receive_message_length", -1),
    ]
    credentials = grpc.ssl_channel_credentials(roots, key, chain)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options) as to:
        yield to.unary_unary(f"/a.B/{method}")


async def asked(call: Any) -> Any:
    """What `tell` says: identities, their key, and the context."""
    return eval(await call(b"", timeout=20))


async def refused(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"", timeout=20)
    code: grpc.StatusCode = caught.value.code()
    return code
