"""nginx in the clear, by grpc_pass: it has one call at a time on each connection to the backend."""

from __future__ import annotations

import os
from collections.abc import Sequence

from benchmarks.peers import nginx
from benchmarks.peers.proxy import Configured, Route, Tool

# It keeps as many connections as there are calls in flight, and some. Started by root it would give
# up the folder in which all of it is.
CONFIGURATION = """\
{user}
daemon off;
worker_processes 1;
pid {route.folder}/pid;
error_log stderr emerg;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {route.folder}/body;
    proxy_temp_path {route.folder}/proxy;
    fastcgi_temp_path {route.folder}/fastcgi;
    uwsgi_temp_path {route.folder}/uwsgi;
    scgi_temp_path {route.folder}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    http2_chunk_size 16k;
    upstream back {{
        server 127.0.0.1:{route.backend};
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{route.port} http2;
        location / {{
            grpc_pass grpc://back;
            grpc_buffer_size 64k;
        }}
    }}
}}
"""


def command(path: str, route: Route) -> Sequence[str]:
    file = route.folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(CONFIGURATION.format(route=route, user=user))
    return [path, "-e", "stderr", "-p", str(route.folder), "-c", str(file)]


def find() -> Tool:
    return Tool(*nginx.find())


PROXY = Configured("nginx", "nginx", find, command)
