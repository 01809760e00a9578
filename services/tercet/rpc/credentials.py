"""TLS credentials of a server, for every engine.

grpc's own objects cannot be looked into from Python, so these take their place: the same functions
with the same arguments, whose results every engine takes, grpc's own server too.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

Pairs = Sequence[tuple[bytes, bytes]]


class ClientCertificate(enum.Enum):
    """Whether a client has to show one. One that is shown must be verified, or it is refused."""

    NOT_ASKED = enum.auto()
    OPTIONAL = enum.auto()
    REQUIRED = enum.auto()


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
    """

    def __init__(
        self,
        stock: Any,
        initial: Certificates,
        fetch: Fetch | None,
        client: ClientCertificate,
    ) -> None:
        self._stock = stock
        self.initial = initial
        self.fetch = fetch
        self.client = client

    @property
    def _credentials(self) -> Any:
        """What grpc's own servers look at.

        Raises:
            ValueError: They cannot do what these say.
        """
        if self.client is ClientCertificate.OPTIONAL:
            # grpc's Python knows two of C-core's five ways: not to ask, and to require.
            raise ValueError(
                "grpc's own servers cannot ask for a client's certificate without requiring one:"
                ' use engine="native", or require it, or do not ask'
            )
        return self._stock._credentials


def ssl_server_credentials(
    private_key_certificate_chain_pairs: Pairs,
    root_certificates: bytes | None = None,
    require_client_auth: bool = False,
    *,
    request_client_auth: bool = False,
) -> ServerCredentials:
    """As `grpc.ssl_server_credentials`, and one argument more.

    Args:
        private_key_certificate_chain_pairs: PEM.
        root_certificates: Of clients, PEM.
        require_client_auth: Whether clients must have a certificate. If not, they are not asked.
        request_client_auth: Asks all the same: who shows one is known by it, or refused if it
            cannot be verified; who shows none may call. Of the native engine only.

    Raises:
        ValueError: There is no pair, or clients are to show a certificate that nothing can verify.
    """
    # Its errors are grpc's.
    pairs = _frozen(private_key_certificate_chain_pairs)
    stock = grpc.ssl_server_credentials(list(pairs), root_certificates, require_client_auth)
    client = _asked(require_client_auth, request_client_auth)
    if client is not ClientCertificate.NOT_ASKED and root_certificates is None:
        raise ValueError("Illegal to request client auth without providing root certificates!")
    return ServerCredentials(stock, Certificates(pairs, root_certificates), None, client)


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
    *,
    request_client_authentication: bool = False,
) -> ServerCredentials:
    """As `grpc.dynamic_ssl_server_credentials`: certificates may change with every handshake.

    Args:
        certificate_configuration_fetcher: Called before each one; None keeps what is shown.
        request_client_authentication: As `request_client_auth` of `ssl_server_credentials`.

    Raises:
        TypeError: The configuration is grpc's own, which cannot be read, or none.
    """
    if not isinstance(initial_certificate_configuration, ServerCertificateConfiguration):
        raise TypeError(
            f"{initial_certificate_configuration!r} cannot be read: make it with"
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
        _asked(require_client_authentication, request_client_authentication),
    )


def _asked(require: bool, request: bool) -> ClientCertificate:
    if require:
        return ClientCertificate.REQUIRED
    return ClientCertificate.OPTIONAL if request else ClientCertificate.NOT_ASKED


def _frozen(pairs: Pairs) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((key, chain) for key, chain in pairs)
