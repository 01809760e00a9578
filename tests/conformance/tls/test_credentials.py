"""TLS as grpc does it: the same credentials, the same clients, the same answers."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import grpc
import grpc.aio
import pytest
import trustme

from tercet import rpc
from tests.conformance.conftest import REFERENCE
from tests.conformance.tls.conftest import asked, channel, pair, refused, root, serving, tells


async def test_a_client_without_a_certificate(
    engine: str, authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    credentials = rpc.ssl_server_credentials([pair(localhost)])
    async with serving(engine, credentials) as port, channel(port, root(authority)) as call:
        identities, key, context = await asked(call)
    assert (identities, key) == (None, None)
    assert context["transport_security_type"] == [b"ssl"]


# Python's ssl module does not tell it.
UNTOLD = "ssl_negotiated_key_exchange_group"


@pytest.mark.parametrize(
    ("names", "common"),
    [
        (["someone@example.org", "client.example", "10.1.2.3"], "Someone, Ltd"),
        (["only.example"], None),
    ],
)
async def test_a_clients_certificate_tells_who_it_is(
    authority: trustme.CA, localhost: trustme.LeafCert, names: list[str], common: str | None
) -> None:
    client = authority.issue_cert(*names, common_name=common)
    credentials = rpc.ssl_server_credentials([pair(localhost)], root(authority), True)
    told = []
    for engine in [REFERENCE, "native"]:
        async with (
            serving(engine, credentials) as port,
            channel(port, root(authority), client) as call,
        ):
            told.append(await asked(call))
    for _, _, context in told:
        context.pop(UNTOLD, None)
    assert told[0] == told[1]
    assert told[1][0] == [name.encode() for name in names]
    assert told[1][1] == "x509_subject_alternative_name"


async def test_the_name_that_a_client_asks_for_chooses(engine: str, authority: trustme.CA) -> None:
    names = ["one.example", "*.two.example", "three.example"]
    credentials = rpc.ssl_server_credentials(
        [pair(authority.issue_cert(name)) for name in names], None, False
    )
    async with serving(engine, credentials) as port:
        for name in ["one.example", "a.two.example", "three.example"]:
            async with channel(port, root(authority), name=name) as call:
                await asked(call)
        async with channel(port, root(authority), name="four.example") as call:
            # It is shown the first one, which is not its.
            assert await refused(call) is grpc.StatusCode.UNAVAILABLE


async def test_a_plaintext_client_is_told_nothing(
    engine: str, authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    async with serving(engine, rpc.ssl_server_credentials([pair(localhost)])) as port:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as to:
            assert await refused(to.unary_unary("/a.B/T")) is grpc.StatusCode.UNAVAILABLE
        async with channel(port, root(authority)) as call:
            await asked(call)


def context_of(authority: trustme.CA) -> ssl.SSLContext:
    made = ssl.create_default_context()
    authority.configure_trust(made)
    return made


@pytest.mark.parametrize("offered", [["http/1.1"], []])
async def test_http2_must_be_agreed_on(
    engine: str, authority: trustme.CA, localhost: trustme.LeafCert, offered: list[str]
) -> None:
    context = context_of(authority)
    if offered:
        context.set_alpn_protocols(offered)
    async with serving(engine, rpc.ssl_server_credentials([pair(localhost)])) as port:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="localhost"
            )
            writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()
        except OSError:
            # An alert, or a reset.
            pass


async def test_tls_1_1_is_refused(
    engine: str, authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    context = context_of(authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    async with serving(engine, rpc.ssl_server_credentials([pair(localhost)])) as port:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="localhost"
        )
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        writer.close()
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="localhost"
            )


async def test_grpcs_own_credentials_name_their_replacement(localhost: trustme.LeafCert) -> None:
    stock = grpc.ssl_server_credentials([pair(localhost)])
    with pytest.raises(TypeError, match=r"tercet\.rpc\.ssl_server_credentials"):
        rpc.server(engine="native").add_secure_port("127.0.0.1:0", stock)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([],), "At least one private key-certificate chain pair"),
        (([(b"k", b"c")], None, True), "without providing root certificates"),
    ],
)
def test_what_grpc_refuses_is_refused(arguments: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rpc.ssl_server_credentials(*arguments)


async def test_a_key_that_is_none() -> None:
    credentials = rpc.ssl_server_credentials([(b"no key", b"no certificate")])
    with pytest.raises(ValueError, match="a key or certificate cannot be used"):
        rpc.server(engine="native").add_secure_port("127.0.0.1:0", credentials)


def test_large_messages_and_many_calls(
    run: Any, engine: str, authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    async def called() -> None:
        credentials = rpc.ssl_server_credentials([pair(localhost)])
        async with (
            serving(engine, credentials, max_receive_message_length=-1) as port,
            channel(port, root(authority), method="E") as call,
        ):
            large = bytes(range(256)) * 40_000
            assert await call(large, timeout=60) == large
            payloads = [b"%d" % number * 100 for number in range(300)]
            answers = await asyncio.gather(*(call(each, timeout=60) for each in payloads))
            assert answers == payloads

    run(called())


def test_a_stopped_server_has_no_connection(
    run: Any, authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    """Though its clients are there: whoever closes the loop then closes nothing that is open."""

    async def stopped() -> int:
        server: Any = rpc.server(engine="native")
        server.add_generic_rpc_handlers((tells(),))
        port = server.add_secure_port("127.0.0.1:0", rpc.ssl_server_credentials([pair(localhost)]))
        await server.start()
        async with channel(port, root(authority)) as call:
            await asked(call)
            await server.stop(0)
            connections: int = server.statistics()["connections"]
        return connections

    assert run(stopped()) == 0
