"""Who is left out, and which runs are made again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import pytest

from benchmarks import cases, rpc, trial
from benchmarks.install import Missing
from benchmarks.load import LoadError
from benchmarks.peers import Running
from benchmarks.peers.echo import EchoPeer, Program
from benchmarks.trial import Measured


def test_a_peer_without_its_tools_is_left_out_by_name() -> None:
    def program() -> Program:
        raise Missing("go is not installed")

    said: list[str] = []
    outcome = rpc.measure(1, 1.0, said.append, [EchoPeer("go", "grpc-go", program)], [])
    assert outcome.left_out == {"grpc-go": "go is not installed"}
    assert said == ["grpc-go is left out: go is not installed"]


def test_a_load_over_tls_is_for_peers_that_speak_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, ...]] = []

    @contextlib.contextmanager
    def all_started(peers: Sequence[EchoPeer], _: object) -> Iterator[list[object]]:
        started.append(tuple(peer.key for peer in peers))
        yield []

    monkeypatch.setattr(trial, "all_started", all_started)
    monkeypatch.setattr(rpc, "interleave", lambda *_: ())
    peers = [
        EchoPeer("clear", "clear", lambda: Program([])),
        EchoPeer("tls", "tls", lambda: Program([]), tls=True),
    ]
    rpc.measure(1, 1.0, print, peers, [cases.UNARY.key, cases.UNARY_TLS.key])
    assert started == [("clear",), ("tls",)]
    # Nobody is left to be started.
    rpc.measure(1, 1.0, print, peers[:1], [cases.UNARY_TLS.key])
    assert len(started) == 2


def test_a_run_that_failed_is_made_once_more_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Measured(rate=1, cost={}, p50=1, p99=1, generator_share=0, disturbance=0)
    runs: list[Measured | LoadError] = [LoadError("none ended"), found]

    def run(*_: object) -> Measured:
        made = runs.pop(0)
        if isinstance(made, LoadError):
            raise made
        return made

    monkeypatch.setattr(trial, "run", run)
    monkeypatch.setattr(trial, "warm_up", lambda *_: None)
    outcome = rpc.Outcome()
    cpus = trial.Cpus({1}, {0})
    peer = EchoPeer("go", "grpc-go", lambda: Program([]))
    assert rpc._run(cases.BIDI, peer, Running("", {}), cpus, 1.0, outcome) is found
    assert outcome.failures == ["grpc-go: none ended"]
    runs = [LoadError("none ended"), LoadError("none ended")]
    with pytest.raises(LoadError):
        rpc._run(cases.BIDI, peer, Running("", {}), cpus, 1.0, outcome)
