"""Sessions are resumed, in every version of TLS, but not past the roots they were verified with."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import trustme

from tercet import rpc
from tercet.rpc.credentials import ServerCertificateConfiguration
from tests.conformance.tls.conftest import pair, root, serving

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
# The client's preface and empty SETTINGS (RFC 9113, section 3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")


class Client:
    """Connects again and again with the session of the last time, as a browser would.

    Blocking: asyncio's TLS cannot resume.
    """

    def __init__(
        self, authority: trustme.CA, version: ssl.TLSVersion, shown: trustme.LeafCert | None
    ) -> None:
        self._context = ssl.create_default_context(cadata=root(authority).decode())
        self._context.minimum_version = self._context.maximum_version = version
        self._context.set_alpn_protocols(["h2"])
        if shown is not None:
            shown.configure_cert(self._context)
        self._session: ssl.SSLSession | None = None

    async def connect(self, port: int) -> bool:
        """Whether the session was resumed.

        Raises:
            OSError: The server refuses the client.
        """
        return await asyncio.to_thread(self._connect, port)

    def _connect(self, port: int) -> bool:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            self._context.wrap_socket(
                plain, server_hostname="localhost", session=self._session
            ) as secured,
        ):
            secured.sendall(PREFACE)
            # In TLS 1.3 the ticket, and a refusal, come after the handshake.
            if not secured.recv(1):
                raise ConnectionResetError("closed before its SETTINGS")
            self._session = secured.session
            return bool(secured.session_reused)


@pytest.mark.parametrize("mutual", [False, True], ids=["server", "mutual"])
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
async def test_a_session_is_resumed(
    engine: str,
    version: ssl.TLSVersion,
    mutual: bool,
    authority: trustme.CA,
    localhost: trustme.LeafCert,
) -> None:
    roots = root(authority) if mutual else None
    credentials = rpc.ssl_server_credentials([pair(localhost)], roots, mutual)
    shown = authority.issue_cert("client.example") if mutual else None
    client = Client(authority, version, shown)
    async with serving(engine, credentials) as port:
        assert [await client.connect(port) for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
async def test_who_is_believed_no_more_cannot_resume(
    engine: str, version: ssl.TLSVersion, authority: trustme.CA, localhost: trustme.LeafCert
) -> None:
    former, present = trustme.CA(), trustme.CA()
    current = rpc.ssl_server_certificate_configuration([pair(localhost)], root(former))
    later = rpc.ssl_server_certificate_configuration([pair(localhost)], root(present))
    fetched: list[ServerCertificateConfiguration | None] = [None]
    credentials = rpc.dynamic_ssl_server_credentials(current, lambda: fetched[-1], True)
    client = Client(authority, version, former.issue_cert("client.example"))
    async with serving(engine, credentials) as port:
        assert [await client.connect(port) for _ in range(2)] == [False, True]
        fetched.append(later)
        with pytest.raises(OSError):  # noqa: PT011 - an alert, or a reset
            await client.connect(port)
        newcomer = Client(authority, version, present.issue_cert("client.example"))
        assert await newcomer.connect(port) is False
