"""Certificates change under a server that goes on."""

from __future__ import annotations

import asyncio
import gc
import ssl
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
import trustme

from tercet import rpc
from tercet.rpc.credentials import ServerCertificateConfiguration
from tests.conformance.tls.conftest import asked, channel, pair, refused, root, serving
from tests.support import eventually


async def test_certificates_change_and_connections_stay(
    engine: str, authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    later = trustme.CA()
    configurations = [rpc.ssl_server_certificate_configuration([pair(localhost)])]
    credentials = rpc.dynamic_ssl_server_credentials(
        configurations[0], lambda: configurations[-1] if len(configurations) > 1 else None
    )
    async with serving(engine, credentials) as port, channel(port, root(authority)) as before:
        await asked(before)
        renewed = pair(later.issue_cert("localhost"))
        configurations.append(rpc.ssl_server_certificate_configuration([renewed]))
        async with channel(port, root(later)) as after:
            await asked(after)
        await asked(before)
        async with channel(port, root(authority)) as late:
            assert await refused(late) is grpc.StatusCode.UNAVAILABLE


async def test_certificates_that_cannot_be_had_leave_the_old_ones(
    authority: trustme.CA, localhost: trustme.LeafCert, caplog: pytest.LogCaptureFixture
) -> None:
    def fetch() -> Any:
        raise OSError("no such file")

    initial = rpc.ssl_server_certificate_configuration([pair(localhost)])
    credentials = rpc.dynamic_ssl_server_credentials(initial, fetch)
    async with serving("native", credentials) as port, channel(port, root(authority)) as call:
        await asked(call)
    assert "no such file" in caplog.text


CONNECTIONS = 40
CHANGES = 10


async def test_no_call_of_many_connections_is_lost(
    engine: str, authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    """They call all the time, and new ones come all the time."""
    configurations = [rpc.ssl_server_certificate_configuration([pair(localhost)])]
    credentials = rpc.dynamic_ssl_server_credentials(configurations[0], lambda: configurations[-1])
    changed = asyncio.Event()

    async def calling(call: Any) -> int:
        made = 0
        while not changed.is_set():
            await asked(call)
            made += 1
        return made

    async with serving(engine, credentials) as port, AsyncExitStack() as stack:
        calls = [
            await stack.enter_async_context(channel(port, root(authority)))
            for _ in range(CONNECTIONS)
        ]
        await asyncio.gather(*map(asked, calls))
        callers = [asyncio.create_task(calling(call)) for call in calls]
        for _ in range(CHANGES):
            renewed = pair(authority.issue_cert("localhost"))
            configurations.append(rpc.ssl_server_certificate_configuration([renewed]))
            async with channel(port, root(authority)) as newcomer:
                await asked(newcomer)
        changed.set()
        assert min(await asyncio.gather(*callers)) > 0


async def test_former_certificates_are_forgotten(
    authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    def configuration() -> ServerCertificateConfiguration:
        return rpc.ssl_server_certificate_configuration([pair(authority.issue_cert("localhost"))])

    def contexts() -> int:
        gc.collect()
        return sum(isinstance(each, ssl.SSLContext) for each in gc.get_objects())

    credentials = rpc.dynamic_ssl_server_credentials(configuration(), configuration)
    async with serving("native", credentials) as port:
        async with channel(port, root(authority)) as call:
            await asked(call)
        before = contexts()
        for _ in range(CHANGES):
            async with channel(port, root(authority)) as call:
                await asked(call)
        # Those of the last connections go with them.
        await eventually(lambda: contexts() <= before)
