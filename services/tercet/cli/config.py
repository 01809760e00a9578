"""The configuration of `tercet up`: tercet.toml < TERCET_* < flags.

Each section is a struct: what is not named in it is refused. The sections of the built-in services
are their own option structs with the fields of hosting added, so that each option has one home.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tercet.cluster.sizing import usable_cpus
from tercet.cluster.spec import MeshSpec
from tercet.compute.config import ComputeConfig
from tercet.errors import ConfigError
from tercet.executor.config import ExecutorConfig
from tercet.gateway.config import POLICIES, GatewayConfig, HealthChecks, UpstreamConfig, UpstreamTls
from tercet.rpc.names import DEFAULT_ENGINE

FILE = "tercet.toml"
# Variables with a meaning of their own; the others are TERCET_<SECTION>_<KEY>.
OTHER_VARIABLES = frozenset(
    {
        *("TERCET_ADDRESS", "TERCET_CONFIG", "TERCET_DEBUG", "TERCET_ENGINE", "TERCET_RUNTIME_DIR"),
        *("TERCET_SPEC_FD", "TERCET_TAKEOVER"),
    }
)
FOUR_MIB = 4 * 1024 * 1024


class ClusterSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    # "host:port" of health for probes (services "liveness", "readiness", ...); "" for none.
    health: str = ""
    # Seconds that a stopping mesh may go on with the calls that it has.
    grace: float = 10.0
    # Seconds from the start of a worker until it must be ready.
    boot_timeout: float = 60.0
    # File that the supervisor's pid is written to; "" for none.
    pid_file: str = ""


class UpstreamSection(UpstreamConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[gateway.upstreams]]: a service that is not of the mesh."""

    # Calls that one endpoint works on at once; more wait at the gateway. 0 for no limit.
    concurrency: int = 0


class GatewaySection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enabled: bool = True
    # "host:port" of the public port.
    bind: str = "127.0.0.1:50050"
    # Gateway processes on that port, 64 at most; 0 for one per usable CPU.
    workers: int = 1
    # Largest request message, in bytes.
    max_message_bytes: int = FOUR_MIB
    # Further options of its gRPC server, by their names.
    server_options: dict[str, int] = msgspec.field(default_factory=dict)
    # Upstreams beside the services of the mesh.
    upstreams: list[UpstreamSection] = []
    # Which upstream takes "package.Service", "/package.Service/Method" or "*", everything else.
    routes: dict[str, str] = {}
    # Calls that may wait for a worker, in each gateway process and upstream.
    queue: int = 1024
    # How a worker is chosen: "least-of-two" or "round-robin".
    policy: str = POLICIES[0]
    # Seconds from one check of a worker's health to the next; 0 for no checks.
    health_interval: float = 5.0
    # Seconds until a check that is not answered has failed.
    health_timeout: float = 2.0
    # Seconds from one resolution of a name to the next.
    dns_interval: float = 30.0
    # TLS towards upstreams on TCP; left out for plaintext.
    upstream_tls: UpstreamTls | None = None
    # "host:port" of the metrics; "" for none.
    metrics: str = ""
    # Path of the access log; "-" for standard output, "" for none.
    access_log: str = ""
    # The share of the calls that are logged, 0 to 1.
    access_log_sample: float = 1.0

    def __post_init__(self) -> None:
        self.options(withheld={}, concurrency={})

    def options(
        self, *, withheld: Mapping[str, str], concurrency: Mapping[str, int]
    ) -> GatewayConfig:
        """The options of the gateway itself.

        Args:
            withheld: See `GatewayConfig.withheld`.
            concurrency: Of the services of the mesh, by name.

        Raises:
            ValueError: A value is out of its range.
            ConfigError: The same, where there is a hint.
        """
        own = {each.name: each.concurrency for each in self.upstreams}
        limited = {name: limit for name, limit in {**concurrency, **own}.items() if limit}
        return GatewayConfig(
            upstreams=[
                UpstreamConfig(name=each.name, target=each.target) for each in self.upstreams
            ],
            routes=self.routes,
            withheld=dict(withheld),
            concurrency=limited,
            queue=self.queue,
            policy=self.policy,
            health_checks=HealthChecks(interval=self.health_interval, timeout=self.health_timeout),
            upstream_tls=self.upstream_tls,
            dns_interval=self.dns_interval,
            metrics=self.metrics,
            access_log=self.access_log,
            access_log_sample=self.access_log_sample,
        )


class ComputeSection(ComputeConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enabled: bool = True
    # One process whose pool has a thread per CPU: threads share memory, processes do not.
    workers: int = 1
    # Calls that one worker works on at once; more wait at the gateway. 0 for no limit.
    concurrency: int = 0
    # "host:port" for direct callers; "" for none.
    bind: str = ""
    # Largest request message, in bytes.
    max_message_bytes: int = FOUR_MIB
    # Further options of its gRPC server, by their names.
    server_options: dict[str, int] = msgspec.field(default_factory=dict)


class ExecutorSection(ExecutorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enabled: bool = True
    workers: int = 1
    # Calls that one worker works on at once; more wait at the gateway. 0 for no limit.
    concurrency: int = 0
    # "host:port" for direct callers; "" for none.
    bind: str = ""
    # Largest request message, in bytes.
    max_message_bytes: int = FOUR_MIB
    # Further options of its gRPC server, by their names.
    server_options: dict[str, int] = msgspec.field(default_factory=dict)


class ServiceSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[services.NAME]: a servicer of the user's own."""

    # "package.module:function"
    target: str
    # Worker processes; 0 for one per usable CPU.
    workers: int = 0
    # Calls that one worker works on at once; more wait at the gateway. 0 for no limit.
    concurrency: int = 0
    # "host:port" for direct callers, shared by the workers; "" for none.
    bind: str = ""
    # Keyword arguments of the function.
    options: dict[str, Any] = {}
    # Largest request message, in bytes.
    max_message_bytes: int = FOUR_MIB
    # Further options of its gRPC server, by their names.
    server_options: dict[str, int] = msgspec.field(default_factory=dict)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    # The rpc engine of every server but the gateways.
    engine: str = DEFAULT_ENGINE
    cluster: ClusterSection = ClusterSection()
    gateway: GatewaySection = GatewaySection()
    compute: ComputeSection = ComputeSection()
    executor: ExecutorSection = ExecutorSection()
    services: dict[str, ServiceSection] = {}


def load(
    path: Path | None,
    *,
    environ: Mapping[str, str],
    settings: Mapping[str, Any],
) -> Config:
    """Reads a configuration.

    Args:
        path: The file; None means TERCET_CONFIG, else ./tercet.toml if there is one.
        environ: Where TERCET_* variables are looked up.
        settings: What flags say, by dotted path such as "gateway.bind"; the last word.

    Raises:
        ConfigError: A file cannot be read, or a value is refused.
    """
    if path is None and (named := environ.get("TERCET_CONFIG")):
        path = Path(named)
    if path is None and Path(FILE).is_file():
        path = Path(FILE)
    merged = _read(path) if path else {}
    for dotted, value in [*_from_environ(environ, merged), *settings.items()]:
        _set(merged, dotted, value)
    try:
        # Not strict: a variable or a flag is text, whatever the type of the option.
        return msgspec.convert(merged, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"the configuration is wrong: {error}",
            hint=f"see {path or 'the flags and TERCET_* variables'}, and docs/configuration.md",
        ) from error


def processes(count: int) -> int:
    """The number of workers that a setting means: 0 is one per usable CPU."""
    return count or usable_cpus()


def variables(config: type[msgspec.Struct] = Config, prefix: str = "TERCET") -> dict[str, str]:
    """Every variable that is read, with the dotted path of its option; services excepted."""
    found: dict[str, str] = {}
    for field in msgspec.structs.fields(config):
        name = f"{prefix}_{field.name.upper()}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            nested = variables(field.type, name)
            found |= {key: f"{field.name}.{path}" for key, path in nested.items()}
        elif field.type in (str, int, float, bool):
            found[name] = field.name
    return found


def validated(spec: Mapping[str, Any]) -> MeshSpec:
    """A mesh from its parts.

    Raises:
        ConfigError: A part is refused.
    """
    try:
        return msgspec.convert(spec, MeshSpec)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the mesh is wrong: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", hint="name another file with --config"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _from_environ(
    environ: Mapping[str, str], merged: Mapping[str, Any]
) -> Iterable[tuple[str, str]]:
    known = variables()
    for name in merged.get("services", {}):
        prefix = f"TERCET_SERVICES_{name.upper().replace('-', '_')}"
        own = variables(ServiceSection, prefix)
        known |= {key: f"services.{name}.{path}" for key, path in own.items()}
    for name, value in environ.items():
        if not name.startswith("TERCET_") or name in OTHER_VARIABLES - known.keys():
            continue
        if name not in known:
            raise ConfigError(
                f"there is no option for the environment variable {name}",
                hint="its name is TERCET_<SECTION>_<KEY>, such as TERCET_GATEWAY_BIND",
            )
        yield known[name], value


def _set(merged: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, key = dotted.split(".")
    for section in sections:
        merged = merged.setdefault(section, {})
        if not isinstance(merged, dict):
            raise ConfigError(f"{section!r} in {dotted!r} is not a section")
    merged[key] = value
