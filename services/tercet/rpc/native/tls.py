"""TLS of the native engine: contexts from PEM, SNI, certificates that change, who the client is."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import grpc
from cryptography import x509

from tercet.rpc.credentials import Certificates, ClientCertificate, ServerCredentials

log = logging.getLogger("tercet.rpc")
COMMON_NAME = x509.NameOID.COMMON_NAME
KINDS: dict[type, str] = {
    x509.DNSName: "peer_dns",
    x509.RFC822Name: "peer_email",
    x509.IPAddress: "peer_ip",
    x509.UniformResourceIdentifier: "peer_uri",
}
MODES = {
    ClientCertificate.NOT_ASKED: ssl.CERT_NONE,
    ClientCertificate.OPTIONAL: ssl.CERT_OPTIONAL,
    ClientCertificate.REQUIRED: ssl.CERT_REQUIRED,
}
# Where a handshake notes the name that was asked for.
REQUESTED = "tercet_requested"
PROTOCOL = "h2"
# Seconds: a client that only connects holds a socket no longer. nginx has 60, Envoy 15, grpc 120.
HANDSHAKE_TIMEOUT = 20.0
SHUTDOWN_TIMEOUT = 5.0


class Identity(NamedTuple):
    """What is known of a client: grpc's names."""

    key: str | None
    identities: tuple[bytes, ...] | None
    context: Mapping[str, tuple[bytes, ...]]


class Listener:
    """The TLS of one port.

    Attributes:
        arguments: For `loop.create_server`.
    """

    def __init__(
        self, credentials: ServerCredentials, handshake_timeout: float = HANDSHAKE_TIMEOUT
    ) -> None:
        """
        Args:
            handshake_timeout: Seconds from a connection's begin to its handshake's end.

        Raises:
            ValueError: A key or certificate is not what it should be, or the timeout not above 0.
        """
        if handshake_timeout <= 0:
            raise ValueError(f"a handshake must have some time, not {handshake_timeout} s")
        self._fetch = credentials.fetch
        self._client = credentials.client
        self._shown = credentials.initial
        self._chosen = _Chosen(credentials.initial, self._client)
        self.arguments: dict[str, Any] = {
            "ssl": _Latest(self._latest),
            "ssl_handshake_timeout": handshake_timeout,
            "ssl_shutdown_timeout": SHUTDOWN_TIMEOUT,
        }

    def _latest(self) -> ssl.SSLContext:
        """Called before each handshake."""
        try:
            fresh = self._fetch() if self._fetch is not None else None
            if fresh is not None and fresh.certificates != self._shown:
                chosen = _Chosen(fresh.certificates, self._client)
                self._chosen, self._shown = chosen, fresh.certificates
        except Exception:
            # Half a file, written while it was read: better the old certificate than none.
            log.exception("New certificates cannot be used; the old ones are shown")
        return self._chosen.first


class _Latest(ssl.SSLContext):
    """For asyncio, which keeps one context for a port: every connection gets the newest one.

    A context has the key of its session tickets, and who resumes a session is not verified again.
    So a ticket ends with the certificates and roots under which it was given, or a client whose
    authority is believed no more could come back for as long as it has one.
    """

    def __new__(cls, _: Callable[[], ssl.SSLContext]) -> _Latest:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, latest: Callable[[], ssl.SSLContext]) -> None:
        self._latest = latest

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return self._latest().wrap_bio(*args, **kwargs)


class _Chosen:
    """A context for each pair of one configuration."""

    def __init__(self, certificates: Certificates, client: ClientCertificate) -> None:
        contexts = [
            _context(key, chain, certificates.roots, client) for key, chain in certificates.pairs
        ]
        self.first = contexts[0]
        self.first.sni_callback = self._choose
        self._named: dict[str, ssl.SSLContext] = {}
        for (_, chain), context in zip(certificates.pairs, contexts, strict=True):
            for name in _names(chain):
                self._named.setdefault(name, context)

    def _choose(self, connection: Any, name: str | None, _: ssl.SSLContext) -> None:
        """Called in each handshake, with or without SNI."""
        setattr(connection, REQUESTED, name)
        connection.context = self.named(name)

    def named(self, name: str | None) -> ssl.SSLContext:
        if not name:
            return self.first
        name = name.lower()
        # RFC 6125, section 6.4.3: a wildcard stands for one label, the leftmost.
        wildcard = f"*.{name.partition('.')[2]}"
        return self._named.get(name) or self._named.get(wildcard) or self.first


def checked(credentials: Any) -> ServerCredentials:
    """
    Raises:
        TypeError: They are grpc's own, which cannot be read.
    """
    if isinstance(credentials, ServerCredentials):
        return credentials
    if isinstance(credentials, grpc.ServerCredentials):
        raise TypeError(
            "grpc's own credentials cannot be read by the native engine: make them with"
            " tercet.rpc.ssl_server_credentials, which takes the same arguments"
        )
    raise TypeError(f"no server credentials: {credentials!r}")


def identity_of(transport: Any) -> Identity | None:
    """Who the client is, as grpc tells it; None if it is to be refused: it has not agreed on
    HTTP/2, or its certificate was verified but cannot be read.

    Of grpc's keys one is missing, `ssl_negotiated_key_exchange_group`: Python does not tell it.
    """
    connection = transport.get_extra_info("ssl_object")
    if connection.selected_alpn_protocol() != PROTOCOL:
        return None
    context: dict[str, tuple[bytes, ...]] = {
        "transport_security_type": (b"ssl",),
        "security_level": (b"TSI_PRIVACY_AND_INTEGRITY",),
        "ssl_session_reused": (b"true" if connection.session_reused else b"false",),
        "ssl_tls_version": (connection.version().encode(),),
    }
    requested = getattr(connection, REQUESTED, None)
    if requested:
        context["ssl_requested_server_name"] = (requested.encode(),)
    encoded = connection.getpeercert(binary_form=True)
    if encoded is None:
        return Identity(None, None, context)
    try:
        context |= _told_by(x509.load_der_x509_certificate(encoded))
    except ValueError as error:
        # Its authority is believed, so somebody should know; but who it is nobody does.
        log.warning("A client's certificate cannot be read, so it is refused: %s", error)
        return None
    context["x509_pem_cert"] = (ssl.DER_cert_to_PEM_cert(encoded).encode(),)
    key = "x509_subject_alternative_name"
    if key not in context:
        key = "x509_common_name"
    return Identity(key, context[key], context)


def _told_by(certificate: x509.Certificate) -> dict[str, tuple[bytes, ...]]:
    subject = certificate.subject
    common = [str(name.value) for name in subject.get_attributes_for_oid(COMMON_NAME)]
    found = {
        "x509_subject": [subject.rfc4514_string()],
        "x509_common_name": common[:1] or [""],
    }
    alternative = _alternative_names(certificate)
    if alternative:
        found["x509_subject_alternative_name"] = [name for _, name in alternative]
    for kind, name in alternative:
        found.setdefault(kind, []).append(name)
        if name.startswith("spiffe://"):
            found["peer_spiffe_id"] = [name]
    return {key: tuple(value.encode() for value in values) for key, values in found.items()}


def _alternative_names(certificate: x509.Certificate) -> list[tuple[str, str]]:
    """What kind each is, as grpc calls it, and the name."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [(KINDS[type(name)], str(name.value)) for name in found if type(name) in KINDS]


def _names(chain: bytes) -> list[str]:
    """What SNI may call the first certificate of a chain."""
    leaf = x509.load_pem_x509_certificates(chain)[0]
    names = [name for _, name in _alternative_names(leaf)] or [
        str(name.value) for name in leaf.subject.get_attributes_for_oid(COMMON_NAME)
    ]
    return [name.lower() for name in names]


def _context(
    key: bytes, chain: bytes, roots: bytes | None, client: ClientCertificate
) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 9113, section 9.2.1: neither compression nor renegotiation.
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    made.set_alpn_protocols([PROTOCOL])
    try:
        with _Memory(chain) as chain_path, _Memory(key) as key_path:
            made.load_cert_chain(chain_path, key_path, password=_ask_nobody)
        if roots is not None:
            # Names of authorities stand in comments, in any script.
            made.load_verify_locations(cadata=roots.decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"a key or certificate cannot be used: {error}") from error
    made.verify_mode = MODES[client]
    # As in grpc: an authority that stands below another may be believed without that one.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return made


def _ask_nobody() -> str:
    """OpenSSL would ask at the terminal, and the server wait."""
    raise ValueError("the private key is encrypted")


class _Memory:
    """Bytes as a file that no disk sees: the ssl module reads keys from files only."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __enter__(self) -> str:
        self._descriptor = os.memfd_create("tercet-pem")
        os.write(self._descriptor, self._content)
        return f"/proc/self/fd/{self._descriptor}"

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
