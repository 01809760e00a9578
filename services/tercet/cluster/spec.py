"""What a mesh consists of: the validated input of the supervisor.

The command line makes it (from tercet.toml, the environment and flags) and hands it over as JSON.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tercet.cluster.address import Bind
from tercet.cluster.options import (
    BootTimeout,
    CrashLimit,
    Engine,
    Grace,
    HangTimeout,
    Health,
    Hooks,
    Log,
    LogFormat,
    MaxAge,
    MaxRequests,
    MaxRequestsJitter,
    MaxRss,
    Metrics,
    PidFile,
    Pin,
    Preload,
    RssInterval,
    RssSamples,
    Watch,
)
from tercet.cluster.region import MOST_GATEWAYS
from tercet.rpc.names import DEFAULT_ENGINE, ENGINE_NAMES

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
CONTROL = "control"
# Tells the command of the start, when it is run again, the file that it has read then.
FILE_VARIABLE = "TERCET_SPEC_FILE"
# A worker exits with this when it cannot start whatever happens: its target cannot be imported,
# its options are wrong. EX_CONFIG of sysexits.h; gunicorn uses 3 and 4 for the same.
CANNOT_START = 78
# Of one service.
MOST_WORKERS = 1024
LOG_FORMATS = ("text", "json")


class RecycleSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a worker is replaced although it is well; each is described in `options.py`."""

    max_requests: MaxRequests = 0
    max_requests_jitter: MaxRequestsJitter = 0
    max_age: MaxAge = 0.0
    max_rss: MaxRss = 0
    rss_samples: RssSamples = 3
    rss_interval: RssInterval = 5.0

    def __post_init__(self) -> None:
        for field in ("max_requests", "max_requests_jitter", "max_age", "max_rss"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} is {getattr(self, field)}: must be 0 or more")
        if self.rss_samples < 1:
            raise ValueError(f"rss_samples is {self.rss_samples}: must be 1 or more")
        if self.rss_interval <= 0:
            raise ValueError(f"rss_interval is {self.rss_interval}: must be more than 0")


class OriginSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The command that has made a mesh: a reload runs it again, to read the configuration anew."""

    # After `python -m tercet.cli`.
    arguments: list[str]
    # Where it was run.
    directory: str
    # The configuration file that it has read, as an absolute path; "" for none.
    file: str = ""


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
    # Whether TTIN and TTOU mean it: so it is with services of the user's own.
    scaled_by_signal: bool = False
    recycle: RecycleSpec = RecycleSpec()
    pin: Pin = False
    preload: Preload = False

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r} is no name for a service: 1 to 31 of a-z, 0-9 and -, a letter first"
            )
        if not TARGET.fullmatch(self.target):
            raise ValueError(f"{self.target!r} is no target: write it as package.module:function")
        if not 1 <= self.workers <= MOST_WORKERS:
            raise ValueError(f"workers of {self.name} is {self.workers}: must be 1 to 1024")
        for address in (self.bind, *self.reserved):
            if address:
                Bind.parse(address)
        if self.gateway and self.routed:
            raise ValueError(f"{self.name} is a gateway: calls are not routed to it")

    def engine(self, of_mesh: str) -> str:
        """The rpc engine of its workers.

        The stock one can neither forward a call's frames nor take over a socket that listens.
        """
        return "native" if self.gateway or self.name == CONTROL else of_mesh


class MeshSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole mesh. What has no comment is described in `options.py`."""

    services: list[ServiceSpec]
    health: Health = ""
    engine: Engine = DEFAULT_ENGINE
    grace: Grace = 10.0
    boot_timeout: BootTimeout = 60.0
    hang_timeout: HangTimeout = 30.0
    crash_limit: CrashLimit = 0
    metrics: Metrics = ""
    log: Log = ""
    log_format: LogFormat = "text"
    pid_file: PidFile = ""
    hooks: Hooks = {}
    watch: Watch = []
    # Where a reload finds the configuration; None if it cannot be read anew.
    origin: OriginSpec | None = None
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
        if self.hang_timeout and not 0.2 <= self.hang_timeout <= 86400:
            raise ValueError(
                f"hang_timeout is {self.hang_timeout}: must be 0.2 to 86400 s, or 0 for never"
            )
        if self.crash_limit < 0:
            raise ValueError(f"crash_limit is {self.crash_limit}: must be 0 or more")
        if self.metrics:
            Bind.parse(self.metrics)
        if self.log_format not in LOG_FORMATS:
            raise ValueError(
                f"log_format is {self.log_format!r}: must be {' or '.join(LOG_FORMATS)}"
            )
        for name, target in self.hooks.items():
            if not TARGET.fullmatch(target):
                raise ValueError(f"the hook {name} is {target!r}: write it as module:function")

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
    # The shared "host:port", its port resolved, which it is to bind by itself; "" for none.
    bind: str
    # Listening sockets that it has inherited, by number, and is to accept on.
    listeners: list[int] = []
    # Whether its private socket is one of those.
    address_inherited: bool = False
    # Further descriptors that it has inherited; its options say what for.
    inherited: list[int] = []
    revision: int = 1
    # Seconds from one `Pulse` to the next.
    pulse: float = 1.0
    # The CPU that it is pinned to, or -1.
    cpu: int = -1
    log: str = ""
    log_format: str = "text"
    # gRPC target of the control process.
    control: str
    engine: str
    grace: float
    max_message_bytes: int
    server_options: dict[str, int]
    import_from_cwd: bool
    # Of gateways alone.
    region: RegionSpec | None = None
