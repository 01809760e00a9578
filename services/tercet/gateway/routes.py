"""Which upstream takes which path.

A path is looked up in this order: its method in the configured routes; its service in them; the
services that upstreams are known to serve; "*" of the configured routes; the only upstream, if
there is one alone and it does not belong to the mesh (whose services are all known). What is
configured is so even while its upstream is not there.

What clients make up must cost nothing that lasts: paths that nobody takes share a route, and so do,
for each upstream, those that it takes after the first `MOST`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tercet.gateway.config import EVERYTHING
from tercet.gateway.member import Member
from tercet.gateway.v1 import gateway_pb2

if TYPE_CHECKING:
    from tercet.gateway._route import Route

log = logging.getLogger("tercet.gateway")

MOST = 1000
# The path of routes that are shared: alone, or followed by "/" and the upstream.
OTHER = "other"
# Answered by the gateway itself, for all upstreams.
OWN = ("grpc.health.", "grpc.reflection.")


class Way(NamedTuple):
    """Where a path leads: to the upstream of that name, unless there is a reason why not."""

    upstream: str
    reason: int = gateway_pb2.REASON_UNSPECIFIED
    hint: str = ""


class Routes:
    """Lives on the gateway's loop.

    Args:
        members: The upstreams, as the fleet keeps them.
        configured: See `GatewayConfig.routes`.
        withheld: See `GatewayConfig.withheld`.
        make: Makes a route that leads nowhere, from its path.
        remembered: Where routes that have a path of their own are put, by path, for whoever looks
            there before asking. They stay as good as new: what they lead to is changed in them.
    """

    def __init__(
        self,
        members: Mapping[str, Member],
        *,
        configured: Mapping[str, str],
        withheld: Mapping[str, str],
        make: Callable[[str], Route],
        remembered: dict[bytes, Any],
    ) -> None:
        self._members = members
        self._configured = configured
        self._withheld = withheld
        self._make = make
        self._remembered = remembered
        self._routes: dict[str, Route] = {}
        self._shared: dict[Way, Route] = {}
        self._served: dict[str, str] = {}
        self._warned: set[str] = set()

    def route(self, path: bytes) -> Route:
        """Where a path leads."""
        # As the runtime decodes paths.
        text = path.decode("latin-1")
        if text in self._routes:
            return self._routes[text]
        way = self._way(text)
        if way.reason or len(self._routes) >= MOST:
            return self._share(way)
        route = self._lead(self._make(text), way)
        self._routes[text] = self._remembered[path] = route
        return route

    def update(self) -> None:
        """Takes over what has changed of the upstreams and of what they serve."""
        self._served = dict(self._find_served())
        for path, route in self._routes.items():
            self._lead(route, self._way(path))
        for way, route in self._shared.items():
            if not way.reason:
                self._lead(route, self._to(way.upstream))

    def services(self) -> dict[str, Member]:
        """The exposed gRPC services whose upstream is there, and that, sorted by name."""
        configured = {route for route in self._configured if "/" not in route} - {EVERYTHING}
        ways = {name: self._way(f"/{name}/") for name in sorted(configured | self._served.keys())}
        return {name: self._members[way.upstream] for name, way in ways.items() if not way.reason}

    def everything_else(self) -> Member | None:
        """The upstream that takes what no other is known to take, if there is one."""
        way = self._to(self._configured.get(EVERYTHING) or self._only_one() or "")
        return None if way.reason else self._members[way.upstream]

    def by_path(self) -> dict[str, Route]:
        """Each route that there is: where calls are counted. What is in it stays."""
        return self._routes | {route.path: route for route in self._shared.values()}

    def _way(self, path: str) -> Way:
        service = path.rpartition("/")[0].removeprefix("/")
        name = self._configured.get(path) or self._configured.get(service)
        if not name and not service.startswith(OWN):
            name = self._served.get(service) or self._configured.get(EVERYTHING) or self._only_one()
        return self._to(name or "")

    def _to(self, name: str) -> Way:
        if name in self._withheld:
            return Way(name, gateway_pb2.REASON_NOT_EXPOSED, self._withheld[name])
        return Way(name) if name in self._members else Way("", gateway_pb2.REASON_UNKNOWN_SERVICE)

    def _only_one(self) -> str | None:
        if len(self._members) != 1:
            return None
        [(name, member)] = self._members.items()
        return None if member.tells else name

    def _lead(self, route: Route, way: Way) -> Route:
        route.refusal = (way.reason, way.hint)
        route.upstream = None if way.reason else self._members[way.upstream].upstream
        return route

    def _share(self, way: Way) -> Route:
        if way not in self._shared:
            path = f"{OTHER}/{way.upstream}" if way.upstream else OTHER
            self._shared[way] = self._lead(self._make(path), way)
        return self._shared[way]

    def _find_served(self) -> Iterator[tuple[str, str]]:
        seen: dict[str, str] = {}
        for name, member in self._members.items():
            for service in sorted(member.grpc_services or ()):
                if service.startswith(OWN):
                    continue
                first = seen.setdefault(service, name)
                if first == name:
                    yield service, name
                elif service not in self._configured and service not in self._warned:
                    self._warned.add(service)
                    log.warning(
                        "%s is served by both %s and %s; calls go to %s",
                        service,
                        first,
                        name,
                        first,
                    )
