"""What a mesh consists of: the validated input of the supervisor.

The command line makes it (from tercet.toml, the environment and flags) and hands it over as JSON.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tercet.cluster.address import Bind
from tercet.cluster.region import MOST_GATEWAYS
from tercet.rpc.names import DEFAULT_ENGINE, ENGINE_NAMES

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
CONTROL = "control"


class ServiceSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service: so many workers, each running one `register` function."""

    name: str
    # "package.module:function"; called as function(server, **options) in each worker.
    target: str
    workers: int
    # The "host:port" that all workers share, or "" for none.
    bind: str = ""
    # Further "host:port"s that its workers bind by themselves, each the same; held for them.
    reserved: list[str] = []
    options: dict[str, Any] = {}
    # Whether gateways route calls to it.
    routed: bool = True
    # Whether it is one: its workers count together (`region`), and stop before the others do.
    gateway: bool = False
    # Largest message that its workers receive, in bytes. 4 MiB is gRPC's own default.
    max_message_bytes: int = 4 * 1024 * 1024
    # Further options of its workers' servers, by grpc's names and ours: see docs/security.md.
    server_options: dict[str, int] = {}
    # Add the directory of the start to the import path: a user's own module lives there.
    import_from_cwd: bool = False

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r} is no name for a service: 1 to 31 of a-z, 0-9 and -, a letter first"
            )
        if not TARGET.fullmatch(self.target):
            raise ValueError(f"{self.target!r} is no target: write it as package.module:function")
        if not 1 <= self.workers <= 1024:
            raise ValueError(f"workers of {self.name} is {self.workers}: must be 1 to 1024")
        for address in (self.bind, *self.reserved):
            if address:
                Bind.parse(address)
        if self.gateway and self.routed:
            raise ValueError(f"{self.name} is a gateway: calls are not routed to it")

    def engine(self, of_mesh: str) -> str:
        """The rpc engine of its workers: the stock one cannot forward a call's frames."""
        return "native" if self.gateway else of_mesh


class MeshSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole mesh."""

    services: list[ServiceSpec]
    # "host:port" of the health service for probes, or "" for none.
    health: str = ""
    # The rpc engine of all servers but the gateways'.
    engine: str = DEFAULT_ENGINE
    # Seconds that a stopping mesh may go on with the calls that it has.
    grace: float = 10.0
    # Seconds from the start of a worker until it must be ready.
    boot_timeout: float = 60.0
    # Lines shown below the table of workers when all are ready; $name is that service's address.
    hints: list[str] = []

    def __post_init__(self) -> None:
        names = [service.name for service in self.services]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"there are two services named {twice.pop()!r}")
        if CONTROL in names:
            raise ValueError(f"{CONTROL!r} is the name of the control process")
        if self.gateways > MOST_GATEWAYS:
            raise ValueError(
                f"there are {self.gateways} gateway processes: must be {MOST_GATEWAYS} or fewer"
            )
        if self.health:
            Bind.parse(self.health)
        if self.engine not in ENGINE_NAMES:
            raise ValueError(
                f"there is no engine {self.engine!r}: the engines are {', '.join(ENGINE_NAMES)}"
            )
        for field, value in (("grace", self.grace), ("boot_timeout", self.boot_timeout)):
            if not 0 < value <= 86400:
                raise ValueError(f"{field} is {value}: must be more than 0 and at most 86400 s")

    @property
    def gateways(self) -> int:
        """Gateway processes, of all services that are gateways."""
        return sum(service.workers for service in self.services if service.gateway)


class RegionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway shares with the others: descriptors that it has inherited, by number."""

    fd: int
    # Its row, which is not its slot where several services are gateways.
    row: int
    eventfds: list[int]

    @property
    def descriptors(self) -> tuple[int, ...]:
        return (self.fd, *self.eventfds)


class WorkerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker process is told when it starts."""

    service: str
    slot: int
    generation: int
    target: str
    options: dict[str, Any]
    # gRPC target of its private socket.
    address: str
    # The shared "host:port", its port resolved, or "".
    bind: str
    # gRPC target of the control process.
    control: str
    engine: str
    grace: float
    max_message_bytes: int
    server_options: dict[str, int]
    import_from_cwd: bool
    # Of gateways alone.
    region: RegionSpec | None = None
