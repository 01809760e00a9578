"""Servers with TLS, and who may call them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import trustme

from tercet import rpc


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


@contextlib.asynccontextmanager
async def serving(engine: str, credentials: grpc.ServerCredentials) -> AsyncIterator[int]:
    server = rpc.server(engine=engine)
    handler = grpc.unary_unary_rpc_method_handler(tell)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", {"T": handler}),))
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield port
    await server.stop(0)


@contextlib.asynccontextmanager
async def channel(
    port: int, roots: bytes, client: trustme.LeafCert | None = None, name: str = "localhost"
) -> AsyncIterator[Any]:
    key, chain = pair(client) if client is not None else (None, None)
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.ssl_target_name_override", name),
    ]
    credentials = grpc.ssl_channel_credentials(roots, key, chain)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options) as to:
        yield to.unary_unary("/a.B/T")


async def asked(call: Any) -> Any:
    """What `tell` says: identities, their key, and the context."""
    return eval(await call(b"", timeout=20))


async def refused(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"", timeout=20)
    code: grpc.StatusCode = caught.value.code()
    return code
