"""A round of the cluster's report on a supervisor that can be had everywhere: ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from benchmarks import cluster, install, process
from benchmarks.cluster import KILL, MEMORY, RELOAD
from benchmarks.peers import tercet_serve
from benchmarks.peers.supervised import Setup, Supervised
from benchmarks.process import NotReady
from benchmarks.wire.http1 import Http1

# Answers, and hears no TERM.
DEAF = """
import http.server, os, signal, sys

signal.signal(signal.SIGTERM, signal.SIG_IGN)

class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Hello).serve_forever()
"""


def test_a_peer_has_all_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SETTLE", 0.0)
    monkeypatch.setattr(cluster, "CALM", 0.3)
    peer = tercet_serve.STRAIGHT
    said: list[str] = []
    outcome = cluster.measure(1, 0.1, said.append, [peer], [MEMORY, KILL, RELOAD])
    found = outcome.found[peer.name]
    assert found.starts[0] > 0
    assert 0 < found.weights[0].worker < found.weights[0].whole
    assert found.successors[0] > 0
    (reloads,) = found.reloads
    assert reloads.calls.answered > 0
    # Two at the start, and two more after each reload.
    assert len(reloads.calls.pids) == cluster.WORKERS * (1 + cluster.RELOADS)
    assert any("calls lost per reload" in line for line in said)


def test_who_cannot_be_had_is_left_out() -> None:
    def nothing() -> str:
        raise install.Missing("it is not installed")

    peer = Supervised("none", "None", Http1, nothing, lambda _: [])
    said: list[str] = []
    outcome = cluster.measure(1, 1.0, said.append, [peer])
    assert outcome.left_out == {"None": "it is not installed"}
    assert said == ["None is left out: it is not installed"]


def test_one_that_never_serves_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: Setup) -> Sequence[str]:
        return [sys.executable, "-c", "import signal; signal.pause()"]

    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    peer = Supervised("none", "None", Http1, lambda: "None 1.0", silent)
    with pytest.raises(NotReady, match="None did not serve"):
        cluster.measure(1, 1.0, lambda _: None, [peer])


def test_one_that_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(setup: Setup) -> Sequence[str]:
        return [sys.executable, "-c", DEAF, str(setup.port)]

    monkeypatch.setattr(process, "STOP_TIMEOUT", 0.2)
    monkeypatch.setattr(cluster, "WORKERS", 1)
    peer = Supervised("deaf", "Deaf", Http1, lambda: "Deaf 1.0", deaf)
    with pytest.raises(NotReady, match="Deaf did not end"):
        cluster.measure(1, 1.0, lambda _: None, [peer], [])


def test_a_process_that_has_ended_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    assert cluster._runs(child.pid)
    child.send_signal(signal.SIGKILL)
    # Dead, and not waited for yet.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not cluster._runs(child.pid)
    child.wait()
    assert not cluster._runs(child.pid)
