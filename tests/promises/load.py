"""A process of callers: `python -m tests.promises.load JSON`.

They call until its stdin ends, or for so long at most; then it writes how each call ended. It says
`calling` when each caller has had its first answer. What fails is never tried again.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import cast

import grpc
import msgspec

from tests.conformance.gateway.failures import reason_of
from tests.promises.calls import SUITES, Client, Kind
from tests.promises.outcomes import OK, STUCK, WRONG, Outcome
from tests.promises.wires import Wires

# Seconds between the calls of one caller, at most.
PAUSE = 0.05


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Callers of one address.

    Attributes:
        channels: Callers with a gRPC channel each.
        fresh: Callers by hand with a connection for each call.
        wires: Callers by hand with a connection each.
    """

    name: str
    address: str
    suite: str
    channels: int = 0
    fresh: int = 0
    wires: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        report: File for the outcomes.
        seconds: They stop by themselves after so long.
    """

    groups: list[Group]
    report: str
    seconds: float
    seed: int


class Load:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = Random(plan.seed)
        self._over = threading.Event()
        self._outcomes: list[Outcome] = []
        self._answered: set[str] = set()

    def run(self) -> list[Outcome]:
        work: list[Callable[[], None]] = []
        for group in self._plan.groups:
            work += [self._channel(group, number) for number in range(group.channels)]
            for name, count, fresh in (("fresh", group.fresh, True), ("wire", group.wires, False)):
                if count:
                    work.append(self._wires(group, name, count, fresh))
        callers = sum(each.channels + each.fresh + each.wires for each in self._plan.groups)
        threading.Thread(target=self._until_told, daemon=True).start()
        timer = threading.Timer(self._plan.seconds, self._over.set)
        timer.start()
        with ThreadPoolExecutor(len(work)) as threads:
            running = [threads.submit(each) for each in work]
            while len(self._answered) < callers and not self._over.wait(0.02):
                # One that has failed is not to be waited for.
                for each in running:
                    if each.done():
                        each.result()
            print("calling", flush=True)
            for each in running:
                each.result()
        timer.cancel()
        return self._outcomes

    def _until_told(self) -> None:
        sys.stdin.read()
        self._over.set()

    def _note(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._answered.add(outcome.caller)

    def _wires(self, group: Group, name: str, count: int, fresh: bool) -> Callable[[], None]:
        wires = Wires(
            int(group.address.rpartition(":")[2]),
            group.suite,
            name=f"{group.name} {name}",
            count=count,
            fresh=fresh,
            rng=Random(self._rng.random()),
            note=self._note,
        )
        return lambda: wires.call(self._over)

    def _channel(self, group: Group, number: int) -> Callable[[], None]:
        rng = Random(self._rng.random())
        caller = f"{group.name} {number}"
        kinds, shares = list(SUITES[group.suite]), list(SUITES[group.suite].values())

        def call() -> None:
            # Without a pool of its own, a channel shares its connection with the others.
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
            with grpc.insecure_channel(group.address, options=options) as channel:
                while not self._over.wait(rng.uniform(0, PAUSE)):
                    (kind,) = rng.choices(kinds, shares)
                    self._note(_one(kind, Client(channel), rng, caller))

        return call


def _one(kind: Kind, client: Client, rng: Random, caller: str) -> Outcome:
    began = time.monotonic()
    code, reason, details = OK, "", ""
    try:
        kind(client, rng)
    except grpc.RpcError as error:
        call = cast("grpc.Call", error)
        code, details = call.code().name, call.details() or ""
        reason = reason_of(call.trailing_metadata() or ())
    except grpc.FutureCancelledError:
        code = STUCK
    except AssertionError as error:
        code, details = WRONG, str(error)
    return Outcome(
        kind=kind.__name__,
        caller=caller,
        began=began,
        ended=time.monotonic(),
        code=code,
        reason=reason,
        details=details,
        pid=client.pid,
    )


def main() -> None:
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    outcomes = Load(plan).run()
    with open(plan.report, "wb") as file:
        file.write(msgspec.json.Encoder().encode_lines(outcomes))


if __name__ == "__main__":
    main()
