"""The sections of tercet.toml.

Each is a struct: what is not named in it is refused. The sections of the built-in services are
their own option structs with the fields of hosting added, so that each option has one home. What an
option means is told by its type, in `tercet.cluster.options` where a spec has it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from tercet.cluster import options as of
from tercet.cluster.spec import RecycleSpec
from tercet.compute.config import ComputeConfig
from tercet.executor.config import ExecutorConfig
from tercet.gateway.config import POLICIES, GatewayConfig, HealthChecks, UpstreamConfig, UpstreamTls
from tercet.rpc.names import DEFAULT_ENGINE

FOUR_MIB = 4 * 1024 * 1024

Enabled = Annotated[bool, Meta(description="whether the mesh has it")]
Workers = Annotated[int, Meta(ge=0, description="worker processes; 0 for one per usable CPU")]
Concurrency = Annotated[
    int,
    Meta(
        ge=0,
        description="calls that one worker works on at once; more wait at the gateway; 0 for no"
        " limit",
    ),
]


class ClusterSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    health: of.Health = ""
    metrics: of.Metrics = ""
    grace: of.Grace = 10.0
    boot_timeout: of.BootTimeout = 60.0
    hang_timeout: of.HangTimeout = 30.0
    crash_limit: of.CrashLimit = 0
    log: of.Log = ""
    log_format: of.LogFormat = "text"
    pid_file: of.PidFile = ""
    watch: of.Watch = []
    hooks: of.Hooks = {}


class UpstreamSection(UpstreamConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[gateway.upstreams]]: a service that is not of the mesh."""

    concurrency: Annotated[
        int,
        Meta(
            ge=0,
            description="calls that one endpoint works on at once; more wait at the gateway; 0 for"
            " no limit",
        ),
    ] = 0


class GatewaySection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enabled: Enabled = True
    bind: Annotated[
        str,
        Meta(description='"host:port" of the public port; "[::]:50050" for all interfaces'),
    ] = "127.0.0.1:50050"
    workers: Annotated[
        int,
        Meta(
            ge=0, description="gateway processes on that port, 64 at most; 0 for one per usable CPU"
        ),
    ] = 1
    max_message_bytes: of.MaxMessageBytes = FOUR_MIB
    server_options: of.ServerOptions = {}
    queue: Annotated[
        int,
        Meta(description="calls that may wait for a worker, in each gateway process and upstream"),
    ] = 1024
    policy: Annotated[
        str, Meta(description='how a worker is chosen: "least-of-two" or "round-robin"')
    ] = POLICIES[0]
    health_interval: Annotated[
        float,
        Meta(
            description="seconds from one check of a worker's health to the next; 0 for no checks"
        ),
    ] = 5.0
    health_timeout: Annotated[
        float, Meta(description="seconds until a check that is not answered has failed")
    ] = 2.0
    dns_interval: Annotated[
        float, Meta(description="seconds from one resolution of a name to the next")
    ] = 30.0
    metrics: Annotated[
        str,
        Meta(description='"host:port" of the gateway\'s own metrics, for Prometheus; "" for none'),
    ] = ""
    access_log: Annotated[
        str,
        Meta(
            description='file of the access log, a line of JSON for each call; "-" for standard'
            ' output, "" for none'
        ),
    ] = ""
    access_log_sample: Annotated[
        float, Meta(description="the share of the calls that are logged, 0 to 1")
    ] = 1.0
    max_requests: of.MaxRequests = 0
    max_requests_jitter: of.MaxRequestsJitter = 0
    max_age: of.MaxAge = 0.0
    max_rss: of.MaxRss = 0
    rss_samples: of.RssSamples = 3
    pin: of.Pin = False
    upstreams: Annotated[
        list[UpstreamSection], Meta(description="an upstream beside the services of the mesh")
    ] = []
    routes: Annotated[
        dict[str, str],
        Meta(
            description='which upstream takes "package.Service", "/package.Service/Method" or "*",'
            " everything else",
            examples=[
                {
                    "package.Service": "inventory",
                    "/package.Other/Method": "inventory",
                    "*": "inventory",
                }
            ],
        ),
    ] = {}
    upstream_tls: Annotated[
        UpstreamTls | None,
        Meta(description="TLS towards upstreams on TCP; left out for plaintext"),
    ] = None

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
    enabled: Enabled = True
    # One process whose pool has a thread per CPU: threads share memory, processes do not.
    workers: Workers = 1
    concurrency: Concurrency = 0
    bind: of.Bind = ""
    max_message_bytes: of.MaxMessageBytes = FOUR_MIB
    server_options: of.ServerOptions = msgspec.field(default_factory=dict)
    max_requests: of.MaxRequests = 0
    max_requests_jitter: of.MaxRequestsJitter = 0
    max_age: of.MaxAge = 0.0
    max_rss: of.MaxRss = 0
    rss_samples: of.RssSamples = 3
    pin: of.Pin = False


class ExecutorSection(ExecutorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enabled: Enabled = True
    workers: Workers = 1
    concurrency: Concurrency = 0
    bind: of.Bind = ""
    max_message_bytes: of.MaxMessageBytes = FOUR_MIB
    server_options: of.ServerOptions = msgspec.field(default_factory=dict)
    max_requests: of.MaxRequests = 0
    max_requests_jitter: of.MaxRequestsJitter = 0
    max_age: of.MaxAge = 0.0
    max_rss: of.MaxRss = 0
    rss_samples: of.RssSamples = 3
    pin: of.Pin = False


class ServiceSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[services.NAME]: a servicer of the user's own."""

    target: Annotated[
        str,
        Meta(
            description='"package.module:function", called as function(server, **options) in each'
            " worker",
            examples=["examples.greeter:register"],
        ),
    ]
    workers: Workers = 0
    concurrency: Concurrency = 0
    bind: of.Bind = ""
    max_message_bytes: of.MaxMessageBytes = FOUR_MIB
    server_options: of.ServerOptions = {}
    max_requests: of.MaxRequests = 0
    max_requests_jitter: of.MaxRequestsJitter = 0
    max_age: of.MaxAge = 0.0
    max_rss: of.MaxRss = 0
    rss_samples: of.RssSamples = 3
    pin: of.Pin = False
    preload: of.Preload = False
    options: of.Options = {}


# Whatever hosts workers.
Hosting = GatewaySection | ComputeSection | ExecutorSection | ServiceSection


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    engine: of.Engine = DEFAULT_ENGINE
    cluster: ClusterSection = ClusterSection()
    gateway: GatewaySection = GatewaySection()
    compute: ComputeSection = ComputeSection()
    executor: ExecutorSection = ExecutorSection()
    services: Annotated[
        dict[str, ServiceSection], Meta(description="a service of your own; any number of them")
    ] = {}


def recycle(section: Hosting) -> RecycleSpec:
    """When workers of a section are replaced.

    Raises:
        ValueError: A value is out of its range.
    """
    return RecycleSpec(
        max_requests=section.max_requests,
        max_requests_jitter=section.max_requests_jitter,
        max_age=section.max_age,
        max_rss=section.max_rss,
        rss_samples=section.rss_samples,
    )
