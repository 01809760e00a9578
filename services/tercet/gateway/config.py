"""The options of a gateway."""

from __future__ import annotations

import math
import re
from typing import Annotated

import msgspec
from msgspec import Meta

from tercet.cluster.address import Bind
from tercet.errors import ConfigError
from tercet.gateway.sources.target import parse

POLICIES = ("least-of-two", "round-robin")
# As names of services in a mesh, whose upstreams these stand beside.
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
EVERYTHING = "*"
LARGEST_QUEUE = 1_000_000
LONGEST_INTERVAL = 86_400.0


class UpstreamConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One upstream that is not a service of the mesh.

    Raises:
        ConfigError: The target is none.
    """

    name: Annotated[str, Meta(description="its name", examples=["inventory"])]
    target: Annotated[
        str, Meta(description="where it is: see gateway.md", examples=["dns:///inventory:50051"])
    ]

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r} is no name for an upstream:"
                " 1 to 31 of a-z, 0-9 and -, a letter first"
            )
        parse(self.target)


class HealthChecks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How endpoints are asked for their health.

    Raises:
        ValueError: A value is out of its range.
    """

    # Seconds from one check of an endpoint to the next; 0 for no checks.
    interval: float = 5.0
    # Seconds until a check that is not answered has failed.
    timeout: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.interval <= LONGEST_INTERVAL:
            raise ValueError(f"interval is {self.interval}, but must be 0 to {LONGEST_INTERVAL:g}")
        if not 0 < self.timeout <= LONGEST_INTERVAL:
            raise ValueError(
                f"timeout is {self.timeout}, but must be above 0, and at most {LONGEST_INTERVAL:g}"
            )


class UpstreamTls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS towards upstreams on TCP. (A UNIX socket is this machine's own: it has none.)

    Raises:
        ValueError: A certificate without its key, or the reverse.
    """

    ca: Annotated[
        str, Meta(description='PEM file of the authorities that are believed; "" for the system\'s')
    ] = ""
    cert: Annotated[
        str,
        Meta(
            description='PEM file of the certificate, with its chain, that the gateway shows; ""'
            " for none"
        ),
    ] = ""
    key: Annotated[str, Meta(description="PEM file of its private key")] = ""
    server_name: Annotated[
        str,
        Meta(
            description='name that an endpoint\'s certificate must have; "" for the name that was'
            " resolved, or else the IP address"
        ),
    ] = ""

    def __post_init__(self) -> None:
        if bool(self.cert) != bool(self.key):
            raise ValueError("cert and key of upstream_tls belong together: give both or none")


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    Raises:
        ValueError: A value is out of its range, or the parts do not fit together.
    """

    # Upstreams beside the services of the mesh.
    upstreams: list[UpstreamConfig] = []
    # Which upstream takes a gRPC service ("pkg.Service"), a method ("/pkg.Service/Method") or all
    # that nobody else takes ("*"); what is not here is found by reflection.
    routes: dict[str, str] = {}
    # Services of the mesh that are not routed, each with the hint that the caller is given.
    withheld: dict[str, str] = {}
    # Calls that one endpoint works on at once, by upstream; the others wait. 0 for no limit.
    concurrency: dict[str, int] = {}
    # Calls that may wait for an endpoint, in each gateway process and upstream.
    queue: int = 1024
    # One of POLICIES.
    policy: str = POLICIES[0]
    health_checks: HealthChecks = HealthChecks()
    # None for plaintext.
    upstream_tls: UpstreamTls | None = None
    # Seconds from one resolution of a name to the next.
    dns_interval: float = 30.0
    # "host:port" of the metrics; "" for none.
    metrics: str = ""
    # Path of the access log; "-" for standard output, "" for none.
    access_log: str = ""
    # The share of the calls that are logged, 0 to 1.
    access_log_sample: float = 1.0
    # Whether there is an admin socket.
    admin: bool = True

    def __post_init__(self) -> None:
        names = [upstream.name for upstream in self.upstreams]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"there are two upstreams named {twice.pop()!r}")
        for name, limit in self.concurrency.items():
            if limit < 0:
                raise ValueError(f"concurrency of {name} is {limit}, but must not be below 0")
        if not 0 <= self.queue <= LARGEST_QUEUE:
            raise ValueError(f"queue is {self.queue}, but must be 0 to {LARGEST_QUEUE}")
        if self.policy not in POLICIES:
            raise ValueError(
                f"there is no policy {self.policy!r}: the policies are {', '.join(POLICIES)}"
            )
        if not (math.isfinite(self.dns_interval) and 1 <= self.dns_interval <= LONGEST_INTERVAL):
            raise ValueError(
                f"dns_interval is {self.dns_interval}, but must be 1 to {LONGEST_INTERVAL:g}"
            )
        if self.metrics:
            Bind.parse(self.metrics)
        if not 0 <= self.access_log_sample <= 1:
            raise ValueError(f"access_log_sample is {self.access_log_sample}, but must be 0 to 1")
        for route in self.routes:
            _check_route(route)


def _check_route(route: str) -> None:
    service, slash, method = route.removeprefix("/").partition("/")
    if route != EVERYTHING and (
        not service or bool(slash) != route.startswith("/") or bool(method) != bool(slash)
    ):
        raise ConfigError(
            f"{route!r} is no route",
            hint='write "package.Service", "/package.Service/Method", or "*" for everything else',
        )
