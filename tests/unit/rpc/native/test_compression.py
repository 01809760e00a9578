"""The codec of compressed messages."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest

from tercet.rpc.native import compression
from tercet.rpc.native.compression import DEFLATE, GZIP, IDENTITY

BOTH = pytest.mark.parametrize("encoding", [DEFLATE, GZIP])


@BOTH
@pytest.mark.parametrize("limit", [500, 501, -1])
def test_there_and_back(encoding: int, limit: int) -> None:
    packed = compression.compress(encoding, bytes(500))
    assert packed is not None
    assert compression.decompress(encoding, packed, limit) == bytes(500)


@BOTH
def test_what_would_grow_stays(encoding: int) -> None:
    assert compression.compress(encoding, b"hi") is None
    assert compression.compress(encoding, b"") is None


@BOTH
def test_every_truncation_is_damage(encoding: int) -> None:
    packed = compression.compress(encoding, bytes(500)) or b""
    for end in range(1, len(packed)):
        with pytest.raises(compression.Damaged):
            compression.decompress(encoding, packed[:end], 500)


def test_no_encoding() -> None:
    with pytest.raises(compression.Damaged, match="no encoding"):
        compression.decompress(IDENTITY, b"x", -1)


def test_a_bomb_takes_no_more_than_the_limit() -> None:
    """1 GiB in 1 MiB."""
    limit = 2 << 20
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    assert len(bomb) < limit
    tracemalloc.start()
    try:
        with pytest.raises(compression.TooLarge):
            compression.decompress(DEFLATE, bomb, limit)
        # zlib's output grows by pieces that are joined, and what is left of the input is copied.
        assert tracemalloc.get_traced_memory()[1] < 2 * limit + len(bomb) + (1 << 20)
    finally:
        tracemalloc.stop()


def test_only_what_is_accepted() -> None:
    fields = [(b"grpc-accept-encoding", b"identity, deflate,gzip")]
    assert compression.allowed(GZIP, fields) == GZIP
    assert compression.allowed(GZIP, [(b"grpc-accept-encoding", b"deflate")]) == IDENTITY
    assert compression.allowed(GZIP, []) == IDENTITY
