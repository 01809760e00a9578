"""What the peers that speak TLS show: one key of P-256, as authorities give them out today."""

from __future__ import annotations

from pathlib import Path

import trustme

from benchmarks import install


def folder() -> Path:
    """Has key.pem, chain.pem and roots.pem; made on first use."""
    return install.installed("certificates", [], _make)


def pair() -> tuple[bytes, bytes]:
    """Key and chain, as grpc takes them."""
    place = folder()
    return (place / "key.pem").read_bytes(), (place / "chain.pem").read_bytes()


def _make(place: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(place / "roots.pem")
    issued.private_key_pem.write_to_path(place / "key.pem")
    issued.cert_chain_pems[0].write_to_path(place / "chain.pem")
