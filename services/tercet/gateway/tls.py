"""TLS towards upstreams, for calls and for what the gateway itself asks them."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from tercet.errors import ConfigError
from tercet.gateway.config import UpstreamTls

# Debian's, Alpine's and Arch's; Fedora's and RHEL's.
SYSTEM_ROOTS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


class Tls:
    """What shows who the gateway is, and whom it believes. The files are read once.

    Attributes:
        context: For connections of the data plane; asks for HTTP/2 by ALPN, as gRPC has it.
        credentials: The same for channels of grpc.aio.
        server_name: Name that certificates must have, "" for that of the address.

    Raises:
        ConfigError: A file cannot be read or is not what it should be.
    """

    def __init__(self, config: UpstreamTls) -> None:
        self.server_name = config.server_name
        try:
            self.context = _context(config)
            self.credentials = _credentials(config)
        except OSError as error:
            # ssl.SSLError is one too: a file that is no PEM, or a key of another certificate.
            names = [name for name in (config.ca, config.cert, config.key) if name]
            raise ConfigError(
                f"TLS of the upstreams: {error}",
                hint=f"see {', '.join(names)}: each must be PEM, the key unencrypted",
            ) from error


def _context(config: UpstreamTls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=config.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if config.cert:
        # Without a password OpenSSL would ask the terminal for one.
        context.load_cert_chain(config.cert, config.key, password="")
    return context


def _credentials(config: UpstreamTls) -> grpc.ChannelCredentials:
    chain = Path(config.cert).read_bytes() if config.cert else None
    key = Path(config.key).read_bytes() if config.key else None
    return grpc.ssl_channel_credentials(_roots(config.ca), key, chain)


def _roots(ca: str) -> bytes | None:
    """Of the files that OpenSSL would read: grpc has roots of its own, which are not the same."""
    if ca:
        return Path(ca).read_bytes()
    defaults = ssl.get_default_verify_paths()
    for path in (defaults.cafile, *SYSTEM_ROOTS):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return None
