"""Health for probes, on a plaintext port of its own: no worker's GIL is in a kubelet's way."""

from __future__ import annotations

from collections.abc import Iterable

from tercet.cluster.control.aggregate import statuses
from tercet.cluster.messages import Description, WorkerRecord
from tercet.rpc import reflection
from tercet.rpc.engines import server
from tercet.rpc.health import Health

# Seconds that a stop gives to answers on their way.
GRACE = 0.5


class Probed:
    """Serves the aggregated health of the mesh.

    It answers when there is something to tell: before the first list of workers, as long as a new
    control process knows nothing, who asks waits. At its end it tells no NOT_SERVING, since a
    successor may be there already: when the mesh stops, its services are gone before this is.
    Reflection tells of this service alone, for grpcurl and its like.

    Args:
        where: "host:port", or "fd:number" of a socket that listens.

    Raises:
        RuntimeError: It cannot be bound.
    """

    def __init__(self, where: str) -> None:
        self._health = Health()
        self._server = server(engine="native", options=[("grpc.so_reuseport", 1)])
        self._health.add_to(self._server)
        reflection.add_to(self._server, reflection.local(self._server.service_names))
        self.port = self._server.add_insecure_port(where)

    async def start(self, workers: Iterable[WorkerRecord], description: Description | None) -> None:
        """Answers from now on."""
        self.update(workers, description)
        await self._server.start()

    def update(self, workers: Iterable[WorkerRecord], description: Description | None) -> None:
        self._health.set(statuses(workers, description))

    def shut_down(self) -> None:
        """Ends the watches."""
        self._health.end_watches()

    async def close(self) -> None:
        await self._server.stop(GRACE)
