"""nginx ends TLS before the native engine: one worker on the same core, over a UNIX socket.

Run as a program it is both: it serves the contract in the clear, and nginx is its child.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import uvloop

import tercet.rpc
from benchmarks import certificates, install, ports
from benchmarks.echo.servicer import register
from benchmarks.peers.echo import UNLIMITED, EchoPeer, Program, ready
from benchmarks.process import descendants

# As it is installed, but for limits: on the calls of one connection, and on sizes. It has one call
# at a time on each connection to what is behind it, so it keeps as many as there are calls. Started
# by root it would give up the folder in which all of it is.
CONFIGURATION = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr emerg;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    upstream native {{
        server unix:{folder}/native;
        keepalive 600;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {certificates}/chain.pem;
        ssl_certificate_key {certificates}/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ grpc_pass grpc://native; }}
    }}
}}
"""


def find() -> tuple[str, str]:
    """nginx and its version.

    Raises:
        benchmarks.install.Missing: It is not here.
    """
    # Debian has it where only root looks.
    found = install.tool("nginx", "/usr/sbin")
    said = subprocess.run([found, "-v"], capture_output=True, text=True, check=True).stderr
    return found, f"nginx {said.strip().rpartition('/')[2]}"


def _program() -> Program:
    found, version = find()
    return Program([sys.executable, "-m", __name__, found], version)


def _roles(pid: int) -> Mapping[str, Sequence[int]]:
    return {"server": [pid], "nginx": descendants(pid)}


PEER = EchoPeer("nginx-tls", "nginx, TLS, before Tercet native", _program, tls=True, roles=_roles)


def configured(place: str, port: int) -> str:
    """The path of nginx's configuration."""
    path = Path(place, "nginx.conf")
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(
        CONFIGURATION.format(folder=place, port=port, certificates=certificates.folder(), user=user)
    )
    return str(path)


async def listening(port: int) -> None:
    """Until somebody listens there; whoever waits for this program does not wait for ever."""
    while True:
        try:
            _, writer = await asyncio.open_connection(ports.HOST, port)
        except ConnectionRefusedError:
            await asyncio.sleep(ports.PAUSE)
        else:
            writer.close()
            return


async def main(nginx: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    server = tercet.rpc.server(engine="native", options=UNLIMITED)
    register(server)
    with tempfile.TemporaryDirectory(prefix="tercet-nginx-") as place:
        server.add_insecure_port(f"unix:{place}/native")
        await server.start()
        port = ports.free_port()
        child = await asyncio.create_subprocess_exec(
            nginx, "-e", "stderr", "-p", place, "-c", configured(place, port)
        )
        try:
            await listening(port)
            ready(port)
            await ended.wait()
        finally:
            child.terminate()
            await child.wait()
            await server.stop(0)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
