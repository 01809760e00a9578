"""Puts the control process together. It is a worker like any other, with two faces:

* `tercet.cluster.v1` on its private socket, for those who may open it (mode 0600);
* health alone on the probes' port, where a kubelet can ask without a worker's GIL in the way.
"""

from __future__ import annotations

import grpc.aio

from tercet.cluster.control.aggregate import statuses
from tercet.cluster.control.probes import Prober
from tercet.cluster.control.service import Cluster
from tercet.cluster.messages import Message, Workers
from tercet.cluster.v1 import cluster_pb2_grpc
from tercet.cluster.worker.context import Worker
from tercet.rpc.engines import server as make_server
from tercet.rpc.health import Health


async def register(server: grpc.aio.Server, *, health: str, worker: Worker, metrics: str='', hooks: dict={}, watch: list=[]) -> None:
    """
    Args:
        health: "host:port" of the probes' port, or "" for none.
    """
    cluster = Cluster()
    aggregated = Health()
    prober = Prober(found=worker.send)
    cluster_pb2_grpc.add_ClusterServicer_to_server(cluster, server)

    def heard(message: Message) -> None:
        if isinstance(message, Workers):
            cluster.update(message)
            aggregated.set(statuses(message.workers))
            prober.update(message.workers)

    def drain() -> None:
        cluster.shut_down()
        aggregated.shut_down()

    worker.on_message(heard)
    worker.on_drain(drain)
    worker.on_close(prober.close)
    if health:
        probes = make_server(options=[("grpc.so_reuseport", 1)])
        aggregated.add_to(probes)
        probes.add_insecure_port(health)
        await probes.start()
        worker.on_close(lambda: probes.stop(0))
