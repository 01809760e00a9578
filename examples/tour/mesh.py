"""The tour's own mesh: `tercet up` beside us, with directories and a port that nobody else uses."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.errors import TercetError

HERE = Path(__file__).parent
Workers = Sequence[cluster_pb2.Worker]

# The control process is there a second after the supervisor; gRPC's own first pause is as long.
SOON = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200)]
# Gateway, services and control process stop one after the other, each within 10 s.
STOP_WITHIN = 40.0


class Mesh:
    """A context in which `start` may be called once; leaving it stops the mesh.

    Args:
        log: File that takes what the mesh prints.

    Attributes:
        gateway: "host:port" of the gateway, once it is started.
        media_root: Directory of the files that programs may read and write.
    """

    def __init__(self, log: Path) -> None:
        self.gateway = ""
        self.log = log
        self._folder = Path(tempfile.mkdtemp(prefix="tercet-tour-"))
        self.media_root = self._folder / "media"
        self.media_root.mkdir()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    async def start(self) -> int:
        """Returns the number of workers when all are ready.

        Raises:
            TercetError: The mesh ended instead.
        """
        process = self._process = self._spawn()
        ready = asyncio.ensure_future(self.wait_until(_all_ready))
        ended = asyncio.ensure_future(_end_of(process))
        try:
            await asyncio.wait([ready, ended], return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                raise TercetError("the mesh could not start", hint=self._last_words())
            workers = ready.result()
        finally:
            ready.cancel()
            ended.cancel()
        self.gateway = next(worker.bind for worker in workers if worker.service == "gateway")
        await self._until_routed(
            {name for each in workers if each.routed for name in each.grpc_services}
        )
        return len(workers)

    async def wait_until(self, condition: Callable[[Workers], bool]) -> Workers:
        """The list of workers, as soon as it is as it should be."""
        assert self._process is not None
        # `tercet up` became the supervisor by exec, so its pid names the mesh's directory.
        control = f"unix:{self._folder}/run/{self._process.pid}/control.sock"
        async with grpc.aio.insecure_channel(control, options=SOON) as channel:
            watch = cluster_pb2_grpc.ClusterStub(channel).Watch(
                cluster_pb2.WatchRequest(), wait_for_ready=True
            )
            try:
                async for listed in watch:
                    if condition(listed.workers):
                        return listed.workers
                said = "it is stopping"
            except grpc.aio.AioRpcError as error:
                said = error.details() or error.code().name
        raise TercetError(f"no list of workers: {said}", hint=self._last_words())

    def stop(self) -> None:
        """Stops the mesh and removes its directories; does nothing if that is done.

        Raises:
            TercetError: It did not end, or not in order.
        """
        process, self._process = self._process, None
        try:
            code = _interrupt(process) if process else 0
            left = [path.name for path in self._folder.glob("run/*/*")]
        except subprocess.TimeoutExpired:
            raise TercetError("the mesh did not stop", hint=self._last_words()) from None
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        # Before the supervisor handles signals, SIGINT ends it as it ends any program.
        if code not in (0, 130, -signal.SIGINT):
            raise TercetError(f"the mesh ended with code {code}", hint=self._last_words())
        if left:
            raise TercetError(f"the mesh left {', '.join(left)}", hint=self._last_words())

    def _spawn(self) -> subprocess.Popen[bytes]:
        # What is set for another mesh would change this one.
        environ = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")}
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [
                    *(Path(sys.executable).with_name("tercet"), "up"),
                    *("--config", HERE / "tercet.toml", "--media-root", self.media_root),
                ],
                # Where examples.greeter is imported from.
                cwd=HERE.parents[1],
                env=environ | {"TERCET_RUNTIME_DIR": str(self._folder / "run")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the tour, which stops the mesh when its calls have ended.
                process_group=0,
            )

    async def _until_routed(self, services: set[str]) -> None:
        # The gateway reads the same list as we do, at about the same time.
        async with grpc.aio.insecure_channel(self.gateway) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for service in services:
                request = health_pb2.HealthCheckRequest(service=service)
                async for answer in stub.Watch(request, wait_for_ready=True):
                    if answer.status == health_pb2.HealthCheckResponse.SERVING:
                        break

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-5:]
        return "\n".join([f"see {self.log}, which ends with:", *lines])


def _all_ready(workers: Workers) -> bool:
    states = {worker.state for worker in workers}
    return states == {cluster_pb2.WORKER_STATE_READY}


def _interrupt(process: subprocess.Popen[bytes]) -> int:
    try:
        process.send_signal(signal.SIGINT)
        return process.wait(STOP_WITHIN)
    except BaseException:
        # A second Ctrl-C, too. The workers end when they see that their supervisor has.
        process.kill()
        process.wait()
        raise


async def _end_of(process: subprocess.Popen[bytes]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(process.pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
