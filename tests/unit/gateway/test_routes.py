"""Paths to upstreams."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest

from tercet.gateway import routes as module
from tercet.gateway.member import Member
from tercet.gateway.routes import Routes
from tercet.gateway.v1 import gateway_pb2
from tests.unit.gateway.standins import Route, Upstream

UNKNOWN = "UNKNOWN_SERVICE"


class Made:
    """Routes over upstreams that are given as names and what they serve; None is not known."""

    def __init__(
        self,
        *,
        tells: bool = True,
        configured: Mapping[str, str] | None = None,
        withheld: Mapping[str, str] | None = None,
        **serve: Iterable[str] | None,
    ) -> None:
        self.members: dict[str, Member] = {}
        self.remembered: dict[bytes, Any] = {}
        self.made: list[str] = []
        self.routes = Routes(
            self.members,
            configured=configured or {},
            withheld=withheld or {},
            make=cast("Any", self.make),
            remembered=self.remembered,
        )
        for name, services in serve.items():
            self.add(name, services, tells=tells)
        self.routes.update()

    def make(self, path: str) -> Route:
        self.made.append(path)
        return Route(path)

    def add(self, name: str, services: Iterable[str] | None, *, tells: bool = True) -> None:
        member = Member(cast("Any", Upstream(name)), cast("Any", None), tells=tells)
        member.grpc_services = None if services is None else frozenset(services)
        self.members[name] = member

    def to(self, path: str) -> str:
        """The name of the upstream that takes a path, or the reason why none does."""
        route = cast("Any", self.routes.route(path.encode()))
        if route.upstream:
            return str(route.upstream.name)
        return gateway_pb2.Reason.Name(route.refusal[0]).removeprefix("REASON_")


def test_a_service_is_found_by_its_full_name() -> None:
    made = Made(one={"a.B"}, two={"c.D", "grpc.health.v1.Health"})
    assert made.to("/a.B/Method") == "one"
    assert made.to("/c.D/Other") == "two"
    assert list(made.routes.services()) == ["a.B", "c.D"]
    assert made.routes.everything_else() is None


@pytest.mark.parametrize(
    "path", ["", "/", "/a/B", "/a.B.C/D", "/a.B", "a.B", "/grpc.health.v1.Health/Other", "/a.B/C/D"]
)
def test_what_nobody_serves_is_refused(path: str) -> None:
    assert Made(one={"a.B", "grpc.health.v1.Health"}).to(path) == UNKNOWN


def test_a_path_need_not_be_text() -> None:
    made = Made(one=None, tells=False)
    route = made.routes.route(b"/a.B\xff/C")
    assert route.path == "/a.B\xff/C"
    assert made.remembered == {b"/a.B\xff/C": route}


def test_a_withheld_service_says_what_to_do_and_is_not_listed() -> None:
    made = Made(one={"a.B"}, two={"c.D"}, withheld={"one": "set expose = true"})
    assert made.to("/a.B/C") == "NOT_EXPOSED"
    assert made.routes.route(b"/a.B/C").refusal[1] == "set expose = true"
    assert made.to("/e.F/C") == UNKNOWN
    assert list(made.routes.services()) == ["c.D"]


def test_a_remote_upstream_that_is_alone_takes_everything() -> None:
    made = Made(one=None, tells=False)
    assert made.to("/a.B/C") == "one"
    # Even after it has said what it serves: it knows better how to refuse.
    made.members["one"].grpc_services = frozenset({"a.B"})
    made.routes.update()
    assert made.to("/c.D/E") == "one"
    assert list(made.routes.services()) == ["a.B"]
    assert made.routes.everything_else() is made.members["one"]
    # What the gateway answers for all is not passed on.
    assert made.to("/grpc.reflection.v1.ServerReflection/Other") == UNKNOWN


def test_several_are_told_apart_by_what_they_serve() -> None:
    made = Made(one=None, two={"c.D"}, tells=False)
    assert made.to("/a.B/C") == UNKNOWN
    assert made.to("/c.D/E") == "two"
    assert made.routes.everything_else() is None


def test_what_is_configured_goes_first() -> None:
    made = Made(
        one={"a.B", "c.D"},
        two={"e.F"},
        three=None,
        configured={"a.B": "two", "/c.D/Special": "two", "*": "three", "g.H": "nobody"},
    )
    assert made.to("/a.B/C") == "two"
    assert made.to("/c.D/Special") == "two"
    assert made.to("/c.D/Other") == "one"
    assert made.to("/e.F/G") == "two"
    assert made.to("/x.Y/Z") == "three"
    assert made.to("/g.H/I") == UNKNOWN
    listed = {name: member.upstream.name for name, member in made.routes.services().items()}
    assert listed == {"a.B": "two", "c.D": "one", "e.F": "two"}
    assert made.routes.everything_else() is made.members["three"]


def test_a_route_is_kept_and_changed_where_it_is() -> None:
    made = Made(one={"a.B"})
    route = made.routes.route(b"/a.B/C")
    assert made.routes.route(b"/a.B/C") is route
    assert made.remembered == {b"/a.B/C": route}
    made.members.clear()
    made.add("two", {"c.D"})
    made.routes.update()
    assert made.routes.route(b"/a.B/C") is route
    assert made.to("/a.B/C") == UNKNOWN
    made.add("three", {"a.B"})
    made.routes.update()
    assert made.routes.route(b"/a.B/C") is route
    assert made.to("/a.B/C") == "three"
    assert made.made == ["/a.B/C"]


def test_what_was_refused_is_taken_once_there_is_somebody() -> None:
    made = Made(one={"a.B"})
    assert made.to("/c.D/E") == UNKNOWN
    assert not made.remembered
    made.add("two", {"c.D"})
    made.routes.update()
    assert made.to("/c.D/E") == "two"


def test_an_upstream_that_is_made_anew_is_led_to() -> None:
    made = Made(one={"a.B"})
    route = made.routes.route(b"/a.B/C")
    made.add("one", {"a.B"})
    made.routes.update()
    assert route.upstream is made.members["one"].upstream


def test_paths_that_are_made_up_share_a_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    made = Made(one={"a.B"}, two={"c.D"})
    for number in range(10):
        assert made.to(f"/e.F/{number}") == UNKNOWN
        assert made.to(f"/a.B/{number}") == "one"
        assert made.to(f"/c.D/{number}") == "two"
    own = {"/a.B/0", "/c.D/0", "/a.B/1"}
    assert {path.decode() for path in made.remembered} == own
    shared = {"other", "other/one", "other/two"}
    assert made.routes.by_path().keys() == own | shared
    assert len(made.made) == 6
    # They follow their upstream too.
    del made.members["two"]
    made.routes.update()
    assert made.routes.by_path()["other/two"].upstream is None
    assert made.to("/c.D/99") == UNKNOWN
    assert made.to("/a.B/99") == "one"


def test_two_upstreams_of_one_service_are_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        made = Made(one={"a.B"}, two={"a.B"})
        made.routes.update()
    assert made.to("/a.B/C") == "one"
    assert len(caplog.records) == 1


def test_nobody_is_warned_of_what_is_decided_by_the_configuration(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = Made(one={"a.B"}, two={"a.B"}, configured={"a.B": "two"})
    assert made.to("/a.B/C") == "two"
    assert not caplog.records
