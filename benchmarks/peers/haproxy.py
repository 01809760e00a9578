"""HAProxy, in C, with one thread."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import install
from benchmarks.peers.proxy import WINDOW, Configured, Route, Tool

CONFIGURATION = """\
global
    nbthread 1
    maxconn 4096
    tune.bufsize 65536
    tune.h2.initial-window-size {window}
    tune.h2.max-concurrent-streams 100
defaults
    mode http
    timeout connect 10s
    timeout client 1h
    timeout server 1h
    http-reuse always
frontend front
    bind 127.0.0.1:{route.port} proto h2
    default_backend back
backend back
    server one 127.0.0.1:{route.backend} proto h2
"""


def find() -> Tool:
    path = install.tool("haproxy", "/usr/sbin")
    return Tool(path, f"HAProxy {install.run([path, '-v']).split()[2]}")


def command(path: str, route: Route) -> Sequence[str]:
    file = route.folder / "haproxy.cfg"
    file.write_text(CONFIGURATION.format(route=route, window=WINDOW))
    # In the foreground, and silent.
    return [path, "-db", "-q", "-f", str(file)]


PROXY = Configured("haproxy", "HAProxy", find, command)
