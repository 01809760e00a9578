"""Paths to upstreams."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest

from tercet.gateway import routes as module
from tercet.gateway.member import Member
from tercet.gateway.routes import Routes
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
        self.made = 0
        self.routes = Routes(
            self.members,
            configured=configured or {},
            withheld=withheld or {},
            make_route=cast("Any", self.make),
            make_failure=lambda reason, facts: (reason, facts),
        )
        for name, services in serve.items():
            self.add(name, services, tells=tells)
        self.routes.update()

    def make(self, path: str, upstream: Any, failure: Any) -> Route:
        assert (upstream is None) != (failure is None)
        self.made += 1
        return Route(path, upstream, failure)

    def add(self, name: str, services: Iterable[str] | None, *, tells: bool = True) -> None:
        member = Member(cast("Any", Upstream(name)), cast("Any", None), tells=tells)
        member.grpc_services = None if services is None else frozenset(services)
        self.members[name] = member

    def to(self, path: str) -> str:
        """The name of the upstream that takes a path, or the reason why none does."""
        route = cast("Any", self.routes.route(path.encode()))
        return str(route.upstream.name if route.upstream else route.refusal[0])


def test_a_service_is_found_by_its_full_name() -> None:
    made = Made(one={"a.B"}, two={"c.D", "grpc.health.v1.Health"})
    assert made.to("/a.B/Method") == "one"
    assert made.to("/c.D/Other") == "two"
    assert list(made.routes.services()) == ["a.B", "c.D"]


@pytest.mark.parametrize(
    "path", ["", "/", "/a/B", "/a.B.C/D", "/a.B", "a.B", "/grpc.health.v1.Health/Other", "/a.B/C/D"]
)
def test_what_nobody_serves_is_refused(path: str) -> None:
    made = Made(one={"a.B", "grpc.health.v1.Health"})
    route = cast("Any", made.routes.route(path.encode()))
    assert route.upstream is None
    assert route.refusal == (UNKNOWN, {"method": path})


def test_a_path_need_not_be_text() -> None:
    route = cast("Any", Made(one={"a.B"}).routes.route(b"/a.B\xff/C"))
    assert route.refusal == (UNKNOWN, {"method": "/a.B\\xff/C"})


def test_a_withheld_service_says_what_to_do_and_is_not_listed() -> None:
    made = Made(one={"a.B"}, withheld={"one": "set expose = true"})
    route = cast("Any", made.routes.route(b"/a.B/C"))
    assert route.refusal == ("NOT_EXPOSED", {"method": "/a.B/C", "hint": "set expose = true"})
    assert made.routes.services() == {}


def test_a_remote_upstream_that_is_alone_takes_everything() -> None:
    made = Made(one=None, tells=False)
    assert made.to("/a.B/C") == "one"
    # Even after it has said what it serves: it knows better how to refuse.
    made.members["one"].grpc_services = frozenset({"a.B"})
    made.routes.update()
    assert made.to("/c.D/E") == "one"
    assert list(made.routes.services()) == ["a.B"]
    # What the gateway answers for all is not passed on.
    assert made.to("/grpc.reflection.v1.ServerReflection/Other") == UNKNOWN


def test_several_are_told_apart_by_what_they_serve() -> None:
    made = Made(one=None, two={"c.D"}, tells=False)
    assert made.to("/a.B/C") == UNKNOWN
    assert made.to("/c.D/E") == "two"


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


def test_a_route_is_kept_and_changed_where_it_is() -> None:
    made = Made(one={"a.B"})
    taken, refused = made.routes.route(b"/a.B/C"), made.routes.route(b"/c.D/E")
    assert made.routes.route(b"/a.B/C") is taken
    assert made.routes.known[b"/a.B/C"] is taken
    made.members.clear()
    made.add("two", {"c.D"})
    made.routes.update()
    assert made.routes.route(b"/a.B/C") is taken
    assert made.to("/a.B/C") == UNKNOWN
    assert made.routes.route(b"/c.D/E") is refused
    assert made.to("/c.D/E") == "two"
    assert made.made == 2


def test_an_upstream_that_is_made_anew_is_led_to() -> None:
    made = Made(one={"a.B"})
    route = made.routes.route(b"/a.B/C")
    made.add("one", {"a.B"})
    made.routes.update()
    assert route.upstream is made.members["one"].upstream


def test_paths_that_are_made_up_share_a_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    monkeypatch.setattr(module, "MOST_REFUSED", 2)
    made = Made(one={"a.B"}, two={"c.D"})
    for number in range(10):
        assert made.to(f"/a.B/{number}") == "one"
        assert made.to(f"/c.D/{number}") == "two"
        assert made.to(f"/e.F/{number}") == UNKNOWN
    assert len(made.routes.known) == 5
    assert made.made == 5 + 3
    others = [
        cast("Any", route) for route in made.routes.all() if cast("Any", route).path == "other"
    ]
    assert len(others) == 3
    assert [route.refusal for route in others if route.refusal] == [(UNKNOWN, {})]
    # They follow their upstream too.
    del made.members["two"]
    made.routes.update()
    assert made.to("/c.D/99") == UNKNOWN
    assert sum(route.upstream is None for route in others) == 2


def test_refused_paths_do_not_take_the_places_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    monkeypatch.setattr(module, "MOST_REFUSED", 1)
    made = Made(one={"a.B"})
    for number in range(10):
        made.to(f"/e.F/{number}")
    made.to("/a.B/C")
    assert set(made.routes.known) == {b"/e.F/0", b"/a.B/C"}


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
