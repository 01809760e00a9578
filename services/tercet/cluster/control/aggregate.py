"""The health of the whole, made from the states of the workers.

One ready worker is enough for a service: while one replaces another, whichever of the two is ready
serves. A worker that drains does not count, since nobody sends it calls any more; a service of
which all drain has nobody to take them.
"""

from __future__ import annotations

from collections.abc import Iterable

from tercet.cluster.messages import Description, WorkerRecord
from tercet.cluster.spec import CONTROL
from tercet.cluster.states import State
from tercet.rpc.health import NOT_SERVING, SERVING

# The names that Kubernetes' probes ask for; see docs/deploy.md.
LIVENESS = "liveness"
READINESS = "readiness"


def statuses(
    workers: Iterable[WorkerRecord], description: Description | None = None
) -> dict[str, int]:
    """Health by name: "" and readiness mean that every service has a ready worker.

    Liveness means that the supervisor is there: it restarts whatever else is not. The name of a
    service, and the full name of each gRPC service, mean one ready worker of it.

    Args:
        description: The services that there are to be. One that a reload is about to add, or has
            taken away, is in one of the two only, and does not make the whole unready.
    """
    ready: dict[str, bool] = {}
    services: set[str] = set()
    for worker in workers:
        if worker.service == CONTROL:
            continue
        services.add(worker.service)
        for name in (worker.service, *worker.grpc_services):
            ready[name] = ready.get(name, False) or worker.state is State.READY
    if description:
        services &= {service.name for service in description.services}
    whole = bool(services) and all(ready[name] for name in services)
    ready |= {LIVENESS: True, READINESS: whole, "": whole}
    return {name: SERVING if value else NOT_SERVING for name, value in ready.items()}
