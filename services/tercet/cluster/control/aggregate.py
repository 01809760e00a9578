"""The health of the whole, made from the states of the workers."""

from __future__ import annotations

from collections.abc import Iterable

from tercet.cluster.messages import WorkerRecord
from tercet.cluster.spec import CONTROL
from tercet.cluster.states import State
from tercet.rpc.health import NOT_SERVING, SERVING

# The names that Kubernetes' probes ask for; see docs/deploy.md.
LIVENESS = "liveness"
READINESS = "readiness"


def statuses(workers: Iterable[WorkerRecord]) -> dict[str, int]:
    """Health by name: "" and readiness mean that every service has a ready worker.

    Liveness means that the supervisor is there: it restarts whatever else is not. The name of a
    service, and the full name of each gRPC service, mean one ready worker of it.
    """
    ready: dict[str, bool] = {}
    for worker in workers:
        if worker.service == CONTROL:
            continue
        for name in (worker.service, *worker.grpc_services):
            ready[name] = ready.get(name, False) or worker.state is State.READY
    whole = bool(ready) and all(ready.values())
    ready |= {LIVENESS: True, READINESS: whole, "": whole}
    return {name: SERVING if value else NOT_SERVING for name, value in ready.items()}
