"""TLS credentials of a server, for every engine.

grpc's own objects cannot be looked into from Python, so these take their place: the same functions
with the same arguments, whose results every engine takes, grpc's own server too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

Pairs = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Certificates:
    """What a server shows, and whom it believes.

    Attributes:
        pairs: Private key and certificate chain of each, PEM; with several, the client's SNI
            chooses, and the first is for who names none of them.
        roots: Authorities of clients' certificates, PEM; None for none.
    """

    pairs: tuple[tuple[bytes, bytes], ...]
    roots: bytes | None


class ServerCertificateConfiguration(grpc.ServerCertificateConfiguration):
    """Made by `ssl_server_certificate_configuration`."""

    def __init__(self, certificates: Certificates) -> None:
        stock: Any = grpc
        made = stock.ssl_server_certificate_configuration(
            list(certificates.pairs), certificates.roots
        )
        # What grpc's own servers look at.
        self._certificate_configuration = made._certificate_configuration
        self.certificates = certificates


Fetch = Callable[[], ServerCertificateConfiguration | None]


class ServerCredentials(grpc.ServerCredentials):
    """Made by `ssl_server_credentials` and `dynamic_ssl_server_credentials`.

    Attributes:
        initial: What is shown until `fetch` says otherwise.
        fetch: Called before each handshake; None changes nothing.
        require_client: Whether a client without a certificate is refused.
    """

    def __init__(
        self,
        stock: Any,
        initial: Certificates,
        fetch: Fetch | None,
        require_client: bool,
    ) -> None:
        # What grpc's own servers look at.
        self._credentials = stock._credentials
        self.initial = initial
        self.fetch = fetch
        self.require_client = require_client


def ssl_server_credentials(
    private_key_certificate_chain_pairs: Pairs,
    root_certificates: bytes | None = None,
    require_client_auth: bool = False,
) -> ServerCredentials:
    """As `grpc.ssl_server_credentials`.

    Args:
        private_key_certificate_chain_pairs: PEM.
        root_certificates: Of clients, PEM.
        require_client_auth: Whether clients must have a certificate.

    Raises:
        ValueError: There is no pair, or clients must show a certificate that nothing can verify.
    """
    # Its errors are grpc's.
    pairs = _frozen(private_key_certificate_chain_pairs)
    stock = grpc.ssl_server_credentials(list(pairs), root_certificates, require_client_auth)
    initial = Certificates(pairs, root_certificates)
    return ServerCredentials(stock, initial, None, require_client_auth)


def ssl_server_certificate_configuration(
    private_key_certificate_chain_pairs: Pairs, root_certificates: bytes | None = None
) -> ServerCertificateConfiguration:
    """As `grpc.ssl_server_certificate_configuration`.

    Raises:
        ValueError: There is no pair.
    """
    pairs = _frozen(private_key_certificate_chain_pairs)
    return ServerCertificateConfiguration(Certificates(pairs, root_certificates))


def dynamic_ssl_server_credentials(
    initial_certificate_configuration: ServerCertificateConfiguration,
    certificate_configuration_fetcher: Fetch,
    require_client_authentication: bool = False,
) -> ServerCredentials:
    """As `grpc.dynamic_ssl_server_credentials`: certificates may change with every handshake.

    Args:
        certificate_configuration_fetcher: Called before each one; None keeps what is shown.

    Raises:
        TypeError: The configuration is grpc's own, which cannot be read.
    """
    if not isinstance(initial_certificate_configuration, ServerCertificateConfiguration):
        raise TypeError(
            "the configuration is grpc's own: make it with"
            " tercet.rpc.ssl_server_certificate_configuration, which takes the same arguments"
        )
    make: Any = grpc.dynamic_ssl_server_credentials
    stock = make(
        initial_certificate_configuration,
        certificate_configuration_fetcher,
        require_client_authentication,
    )
    return ServerCredentials(
        stock,
        initial_certificate_configuration.certificates,
        certificate_configuration_fetcher,
        require_client_authentication,
    )


def _frozen(pairs: Pairs) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((key, chain) for key, chain in pairs)
