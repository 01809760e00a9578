"""What of the request metadata goes on."""

from __future__ import annotations

from tercet.gateway.metadata import forwarded


def test_the_users_metadata_passes_with_order_duplicates_and_binaries() -> None:
    given = (("a", "1"), ("b-bin", b"\x00\xff"), ("a", "2"), ("authorization", "Bearer x"))
    assert forwarded(given) == given


def test_what_belongs_to_one_hop_stays_here() -> None:
    given = (
        ("user-agent", "x"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-accept-encoding", "gzip"),
        ("grpc-timeout", "1S"),
        (":authority", "x"),
    )
    assert forwarded(given) == ()


def test_reserved_keys_of_the_call_pass() -> None:
    given = (("grpc-previous-rpc-attempts", "1"), ("grpc-trace-bin", b"\x00"), ("traceparent", "0"))
    assert forwarded(given) == given


def test_none_is_empty() -> None:
    assert forwarded(None) == ()
