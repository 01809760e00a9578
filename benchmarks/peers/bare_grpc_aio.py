"""grpc.aio on uvloop with nothing of Tercet's: what one would write without it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc.aio
import uvloop

from benchmarks.peers import Running
from benchmarks.process import started
from examples.greeter import register

READY = "listening on "


class BareGrpcAio:
    name = "bare grpc.aio"

    @contextmanager
    def start(self, cpus: set[int]) -> Iterator[Running]:
        command = [sys.executable, "-m", __name__]
        with started(command, cpus=cpus, ready=READY) as (pid, lines):
            yield Running(lines[-1].removeprefix(READY), {"server": [pid]}, [pid])


async def main() -> None:
    server = grpc.aio.server()
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"{READY}127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
