"""Which upstream takes which path.

A path is looked up in this order: its method in the configured routes; its service in them; the
services that upstreams are known to serve; "*" of the configured routes; the only upstream, if
there is one alone and it does not belong to the mesh (whose services are all known). What is
configured is so even while its upstream is not there.

What clients make up must cost nothing that lasts: after `MOST` paths that an upstream takes and
`MOST_REFUSED` that none does, further ones share one route for each upstream, and one for those
that are refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from tercet.gateway.config import EVERYTHING
from tercet.gateway.member import Member

if TYPE_CHECKING:
    from tercet.gateway._route import Route
    from tercet.gateway._upstream import Upstream

log = logging.getLogger("tercet.gateway")

MOST = 1000
MOST_REFUSED = 100
# The path of routes that are shared.
OTHER = "other"
# Answered by the gateway itself, for all upstreams.
OWN = ("grpc.health.", "grpc.reflection.")

# What a route without an upstream answers with: the data plane's business.
Failure: TypeAlias = Any


class Way(NamedTuple):
    """Where a path leads: to the upstream of that name, or to a refusal."""

    upstream: str = ""
    reason: str = ""
    hint: str = ""


class Routes:
    """Lives on the gateway's loop.

    Args:
        members: The upstreams, as the fleet keeps them.
        configured: See `GatewayConfig.routes`.
        withheld: See `GatewayConfig.withheld`.
        make_route: Makes a route from a path, and either an upstream or a refusal.
        make_failure: Makes a refusal from the name of a reason, such as "UNKNOWN_SERVICE", and
            facts, such as "method".

    Attributes:
        known: The routes that have a path of their own, by path. Ask here first: whoever does so
            saves a call of `route`. They are kept up to date where they are.
    """

    def __init__(
        self,
        members: Mapping[str, Member],
        *,
        configured: Mapping[str, str],
        withheld: Mapping[str, str],
        make_route: Callable[[str, Upstream | None, Failure | None], Route],
        make_failure: Callable[[str, dict[str, str]], Failure],
    ) -> None:
        self.known: dict[bytes, Route] = {}
        self._members = members
        self._configured = configured
        self._withheld = withheld
        self._make_route = make_route
        self._make_failure = make_failure
        self._others: dict[Way, Route] = {}
        self._refused = 0
        self._served: dict[str, str] = {}
        self._warned: set[str] = set()

    def route(self, path: bytes) -> Route:
        """Where a path leads; made if need be."""
        if route := self.known.get(path):
            return route
        text = path.decode(errors="backslashreplace")
        way = self._way(text)
        refused = not way.upstream
        taken = len(self.known) - self._refused
        if self._refused >= MOST_REFUSED if refused else taken >= MOST:
            return self._other(way)
        self._refused += refused
        route = self.known[path] = self._make(text, way)
        return route

    def update(self) -> None:
        """Takes over what has changed of the upstreams and of what they serve."""
        self._served = dict(self._find_served())
        self._refused = 0
        for path, route in self.known.items():
            text = path.decode(errors="backslashreplace")
            way = self._way(text)
            self._refused += not way.upstream
            self._lead(route, text, way)
        for way, route in self._others.items():
            if way.upstream:
                self._lead(route, OTHER, self._to(way.upstream))

    def services(self) -> dict[str, Member]:
        """The exposed gRPC services whose upstream is there, and that, sorted by name."""
        configured = {route for route in self._configured if "/" not in route} - {EVERYTHING}
        names = configured | self._served.keys()
        ways = {name: self._way(f"/{name}/") for name in sorted(names)}
        return {name: self._members[way.upstream] for name, way in ways.items() if way.upstream}

    def all(self) -> Iterator[Route]:
        """Each route that there is: where calls are counted."""
        yield from self.known.values()
        yield from self._others.values()

    def _way(self, path: str) -> Way:
        service = path.rpartition("/")[0].removeprefix("/")
        name = self._configured.get(path) or self._configured.get(service)
        if not name and not service.startswith(OWN):
            name = self._served.get(service) or self._configured.get(EVERYTHING) or self._only_one()
        return self._to(name or "")

    def _to(self, name: str) -> Way:
        if name in self._withheld:
            return Way(reason="NOT_EXPOSED", hint=self._withheld[name])
        if name not in self._members:
            return Way(reason="UNKNOWN_SERVICE")
        return Way(name)

    def _only_one(self) -> str | None:
        if len(self._members) == 1:
            [(name, member)] = self._members.items()
            return None if member.tells else name
        return None

    def _make(self, path: str, way: Way) -> Route:
        if way.upstream:
            return self._make_route(path, self._members[way.upstream].upstream, None)
        return self._make_route(path, None, self._failure(path, way))

    def _lead(self, route: Route, path: str, way: Way) -> None:
        """Changes a route, if it has to be."""
        upstream = self._members[way.upstream].upstream if way.upstream else None
        if upstream is None:
            # Before the upstream is taken away: there is always one of the two.
            route.refusal = self._failure(path, way)
        if route.upstream is not upstream:
            route.upstream = upstream

    def _failure(self, path: str, way: Way) -> Failure:
        facts = {} if path == OTHER else {"method": path}
        return self._make_failure(way.reason, facts | ({"hint": way.hint} if way.hint else {}))

    def _other(self, way: Way) -> Route:
        if way not in self._others:
            self._others[way] = self._make(OTHER, way)
        return self._others[way]

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
