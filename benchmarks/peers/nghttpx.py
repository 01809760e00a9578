"""nghttpx, nghttp2's own proxy: in C++ on the library that the native engine has too."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import install
from benchmarks.peers.proxy import WINDOW, Configured, Route, Tool

# Of a connection of a client, which has ten streams or one.
CONNECTION_WINDOW = 16 * WINDOW


def find() -> Tool:
    path = install.tool("nghttpx", "/usr/sbin")
    return Tool(path, install.run([path, "--version"]).replace("/", " "))


def command(path: str, route: Route) -> Sequence[str]:
    return [
        path,
        # In place of the system's, which may not be there, or be another's.
        "--conf=/dev/null",
        f"--frontend=127.0.0.1,{route.port};no-tls",
        f"--backend=127.0.0.1,{route.backend};;proto=h2",
        "--workers=1",
        "--log-level=FATAL",
        "--no-via",
        "--no-add-x-forwarded-proto",
        "--no-location-rewrite",
        "--no-server-rewrite",
        f"--frontend-http2-window-size={WINDOW}",
        f"--frontend-http2-connection-window-size={CONNECTION_WINDOW}",
        f"--backend-http2-window-size={WINDOW}",
    ]


PROXY = Configured("nghttpx", "nghttpx", find, command)
