"""Who is measured, and who is left out."""

from __future__ import annotations

import pytest

from benchmarks import rpc
from benchmarks.install import Missing
from benchmarks.peers.echo import EchoPeer, Program


def test_all_unless_some_are_chosen() -> None:
    assert rpc.chosen(None) == list(rpc.PEERS)
    assert [peer.key for peer in rpc.chosen(["grpc-go", "native"])] == ["native", "grpc-go"]
    assert rpc.chosen_keys(None) == rpc.KEYS
    assert rpc.chosen_keys(["idle"]) == ["idle"]


def test_an_unknown_one_is_told_with_the_known() -> None:
    with pytest.raises(ValueError, match="there is no 'grpc'; there are native"):
        rpc.chosen(["grpc"])
    with pytest.raises(ValueError, match="there are unary"):
        rpc.chosen_keys(["2mib"])


def test_a_peer_without_its_tools_is_left_out_by_name() -> None:
    def program() -> Program:
        raise Missing("go is not installed")

    said: list[str] = []
    outcome = rpc.measure(1, 1.0, said.append, [EchoPeer("go", "grpc-go", program)], [])
    assert outcome.left_out == {"grpc-go": "go is not installed"}
    assert said == ["grpc-go is left out: go is not installed"]
