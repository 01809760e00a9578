"""Whether a client is asked for a certificate, and whose is believed."""

from __future__ import annotations

import datetime
from typing import Any

import grpc
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tercet import rpc
from tests.conformance.tls.conftest import asked, channel, pair, refused, root, serving

UNVERIFIED = grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def client(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("client.example")


@pytest.fixture(scope="session")
def stranger() -> trustme.LeafCert:
    return trustme.CA().issue_cert("client.example")


async def test_a_required_one(
    engine: str,
    authority: trustme.CA,
    localhost: trustme.LeafCert,
    client: trustme.LeafCert,
    stranger: trustme.LeafCert,
) -> None:
    credentials = rpc.ssl_server_credentials([pair(localhost)], root(authority), True)
    async with serving(engine, credentials) as port:
        async with channel(port, root(authority)) as call:
            assert await refused(call) is UNVERIFIED
        async with channel(port, root(authority), stranger) as call:
            assert await refused(call) is UNVERIFIED
        async with channel(port, root(authority), client) as call:
            assert (await asked(call))[0] == [b"client.example"]


async def test_one_that_is_not_required_is_not_asked_for(
    engine: str,
    authority: trustme.CA,
    localhost: trustme.LeafCert,
    client: trustme.LeafCert,
    stranger: trustme.LeafCert,
) -> None:
    """Though there are roots to verify it: grpc's Python has no word for what lies between."""
    credentials = rpc.ssl_server_credentials([pair(localhost)], root(authority), False)
    async with serving(engine, credentials) as port:
        for shown in (None, client, stranger):
            async with channel(port, root(authority), shown) as call:
                assert (await asked(call))[:2] == (None, None)


def optional(
    kind: str, authority: trustme.CA, localhost: trustme.LeafCert
) -> grpc.ServerCredentials:
    if kind == "static":
        return rpc.ssl_server_credentials(
            [pair(localhost)], root(authority), request_client_auth=True
        )
    initial = rpc.ssl_server_certificate_configuration([pair(localhost)], root(authority))
    return rpc.dynamic_ssl_server_credentials(
        initial, lambda: None, request_client_authentication=True
    )


@pytest.mark.parametrize("kind", ["static", "dynamic"])
async def test_an_optional_one(
    kind: str,
    authority: trustme.CA,
    localhost: trustme.LeafCert,
    client: trustme.LeafCert,
    stranger: trustme.LeafCert,
) -> None:
    async with serving("native", optional(kind, authority, localhost)) as port:
        async with channel(port, root(authority)) as call:
            assert (await asked(call))[:2] == (None, None)
        async with channel(port, root(authority), client) as call:
            assert (await asked(call))[0] == [b"client.example"]
        async with channel(port, root(authority), stranger) as call:
            assert await refused(call) is UNVERIFIED


@pytest.mark.parametrize("make", [lambda: rpc.server(engine="grpcio"), grpc.aio.server])
async def test_grpcs_servers_say_that_they_have_no_optional_one(
    make: Any, authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    with pytest.raises(ValueError, match='use engine="native", or require it, or do not ask'):
        make().add_secure_port("127.0.0.1:0", optional("static", authority, localhost))


def test_an_optional_one_needs_somebody_to_verify_it(localhost: trustme.LeafCert) -> None:
    with pytest.raises(ValueError, match="without providing root certificates"):
        rpc.ssl_server_credentials([pair(localhost)], request_client_auth=True)


async def test_an_authority_below_another_is_believed_without_that_one(
    engine: str, authority: trustme.CA, localhost: trustme.LeafCert, client: trustme.LeafCert
) -> None:
    below = authority.create_child_ca()
    credentials = rpc.ssl_server_credentials([pair(localhost)], root(below), True)
    async with serving(engine, credentials) as port:
        async with channel(port, root(authority), below.issue_cert("b.example")) as call:
            assert (await asked(call))[0] == [b"b.example"]
        async with channel(port, root(authority), client) as call:
            assert await refused(call) is UNVERIFIED


def unreadable(authority: trustme.CA) -> tuple[bytes, bytes]:
    """Key and certificate with an address of 5 bytes, which OpenSSL verifies all the same."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer: Any = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    issuer = x509.load_pem_x509_certificate(root(authority)).subject
    now = datetime.datetime.now(datetime.UTC)
    names = bytes.fromhex("3007 8705 0102030405")
    made = (
        x509.CertificateBuilder(issuer, x509.Name([]), key.public_key(), 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.UnrecognizedExtension(x509.OID_SUBJECT_ALTERNATIVE_NAME, names), critical=True
        )
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return (
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        made.public_bytes(pem),
    )


async def test_one_that_cannot_be_read_is_refused(
    engine: str, authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    """Nobody knows then what its client may do."""
    key, chain = unreadable(authority)
    credentials = rpc.ssl_server_credentials([pair(localhost)], root(authority), True)
    shown = grpc.ssl_channel_credentials(root(authority), key, chain)
    async with (
        serving(engine, credentials) as port,
        grpc.aio.secure_channel(f"localhost:{port}", shown) as to,
    ):
        assert await refused(to.unary_unary("/a.B/T")) is UNVERIFIED


async def test_roots_may_have_comments_in_any_script(
    engine: str, authority: trustme.CA, localhost: trustme.LeafCert, client: trustme.LeafCert
) -> None:
    roots = "# Autorité d'essai\n".encode() + root(authority)
    credentials = rpc.ssl_server_credentials([pair(localhost)], roots, True)
    async with (
        serving(engine, credentials) as port,
        channel(port, root(authority), client) as call,
    ):
        assert (await asked(call))[0] == [b"client.example"]
