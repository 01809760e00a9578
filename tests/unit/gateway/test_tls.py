"""TLS towards upstreams, from files."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tercet import rpc
from tercet.errors import ConfigError
from tercet.gateway import asking
from tercet.gateway.channels import channel
from tercet.gateway.config import UpstreamTls
from tercet.gateway.tls import Tls
from tercet.rpc import reflection


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_the_roots_of_the_system_are_believed_by_default() -> None:
    tls = Tls(UpstreamTls())
    assert tls.context.verify_mode is ssl.CERT_REQUIRED
    assert tls.context.check_hostname
    assert tls.context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file.*nowhere\.pem"):
        Tls(UpstreamTls(ca=str(tmp_path / "nowhere.pem")))


def test_a_key_of_another_certificate_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    one, other = authority.issue_cert("one"), authority.issue_cert("other")
    one.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    other.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    with pytest.raises(ConfigError, match="TLS of the upstreams"):
        Tls(UpstreamTls(cert=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem")))


@pytest.mark.parametrize(("certified", "host"), [("127.0.0.1", ""), ("shop", "shop")])
async def test_what_the_gateway_asks_goes_over_it_too(
    certified: str, host: str, authority: trustme.CA, tmp_path: Path
) -> None:
    for name, blob in {
        "ca.pem": authority.cert_pem,
        "cert.pem": (mine := authority.issue_cert("gateway")).cert_chain_pems[0],
        "key.pem": mine.private_key_pem,
    }.items():
        blob.write_to_path(str(tmp_path / name))
    tls = Tls(
        UpstreamTls(
            ca=str(tmp_path / "ca.pem"),
            cert=str(tmp_path / "cert.pem"),
            key=str(tmp_path / "key.pem"),
        )
    )
    theirs = authority.issue_cert(certified)
    pair = (theirs.private_key_pem.bytes(), theirs.cert_chain_pems[0].bytes())
    # Somebody else's server.
    server = rpc.server(engine="grpcio")
    reflection.add_to(server, reflection.local([]))
    port = server.add_secure_port(
        "127.0.0.1:0",
        rpc.ssl_server_credentials([pair], authority.cert_pem.bytes(), require_client_auth=True),
    )
    await server.start()
    async with channel(f"ipv4:127.0.0.1:{port}", host=host, tls=tls) as made:
        assert await asking.services(made) == {*reflection.SERVICES}
    await server.stop(0)


async def test_a_unix_socket_has_none(tmp_path: Path) -> None:
    server = rpc.server()
    reflection.add_to(server, reflection.local([]))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    await server.start()
    async with channel(f"unix:{tmp_path}/s", tls=Tls(UpstreamTls())) as made:
        assert await asking.services(made) == {*reflection.SERVICES}
    await server.stop(0)
