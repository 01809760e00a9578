"""Functions of the user that are called with events."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tercet.cluster import Event
from tercet.cluster.control import hooks
from tercet.cluster.control.hooks import Hooks, load, untold
from tercet.cluster.messages import EventKind
from tercet.errors import ConfigError
from tests.unit.cluster.control.made import event, worker

READY = EventKind.WORKER_READY


@pytest.fixture
def made() -> Iterator[Callable[..., Hooks]]:
    all_made: list[Hooks] = []

    def make(function: Callable[[Event], object], kind: EventKind = READY) -> Hooks:
        all_made.append(Hooks({kind: function}))
        return all_made[-1]

    yield make
    for each in all_made:
        each.stop()


def test_events_of_that_kind_are_told_in_order(made: Callable[..., Hooks]) -> None:
    seen: list[Event] = []
    told = made(seen.append)
    told.tell(event(1, service="shop", slot=2, generation=3, pid=4, text="t", planned=True))
    told.tell(event(2, EventKind.SCALED))
    for number in range(3, 50):
        told.tell(event(number))
    told.stop()
    assert seen[0] == Event(
        sequence=1,
        time=1_700_000_000.5,
        kind="worker_ready",
        service="shop",
        slot=2,
        generation=3,
        pid=4,
        text="t",
        planned=True,
    )
    assert not seen[1].planned
    assert [each.sequence for each in seen] == [1, *range(3, 50)]
    assert type(seen[0].kind) is str


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_one_that_raises_is_logged_and_the_next_event_is_told(
    made: Callable[..., Hooks], caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    seen: list[int] = []

    def fail_at_first(happened: Event) -> None:
        seen.append(happened.sequence)
        if happened.sequence == 1:
            raise error("oh")

    told = made(fail_at_first)
    told.tell(event(1))
    told.tell(event(2))
    told.stop()
    assert seen == [1, 2]
    assert "the hook worker_ready failed" in caplog.text
    assert "oh" in caplog.text


def test_a_slow_one_holds_up_nobody_and_what_overflows_is_logged(
    made: Callable[..., Hooks],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hooks, "WAITING", 3)
    entered, go_on = threading.Event(), threading.Event()
    seen: list[int] = []

    def slow(happened: Event) -> None:
        entered.set()
        assert go_on.wait(30)
        seen.append(happened.sequence)

    told = made(slow)
    told.tell(event(1))
    assert entered.wait(30)
    for number in range(2, 8):
        told.tell(event(number))
    assert caplog.text.count("dropped") == 1
    assert "dropped 5" in caplog.text
    go_on.set()
    told.stop()
    assert seen == [1, 2, 3, 4]


def test_a_stop_does_not_wait_for_ever(
    made: Callable[..., Hooks], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "PATIENCE", 0.1)
    go_on = threading.Event()
    told = made(lambda happened: go_on.wait(30))
    told.tell(event(1))
    told.stop()
    assert told._thread.is_alive()
    go_on.set()


def test_functions_are_found_in_the_directory_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_hooks_of_a_test.py").write_text("def paged(event): return event.text\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    found = load({"worker_hung": "my_hooks_of_a_test:paged"}, worker([]).spec)
    assert list(found) == [EventKind.WORKER_HUNG]
    assert found[EventKind.WORKER_HUNG](types.SimpleNamespace(text="x")) == "x"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("worker_exploded", "os:getpid", "no event 'worker_exploded'"),
        ("worker_hung", "no_such_module:f", "no module 'no_such_module'"),
        ("worker_hung", "os:no_such_function", "no function 'no_such_function'"),
    ],
)
def test_what_is_not_there_is_refused(name: str, target: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load({name: target}, worker([]).spec)


def test_the_first_control_process_tells_what_was_before_it() -> None:
    before = [event(1), event(2)]
    assert untold(before, generation=1) == before


def test_a_successor_tells_what_its_predecessor_could_not() -> None:
    before = [
        event(1),
        event(2, EventKind.WORKER_EXITED, service="control", generation=1),
        event(3),
        event(4, EventKind.WORKER_EXITED, service="control", generation=2),
        event(5, EventKind.WORKER_EXITED, service="shop", generation=1),
    ]
    assert [each.sequence for each in untold(before, generation=3)] == [4, 5]


def test_it_tells_nothing_while_its_predecessor_is_there_and_does() -> None:
    before = [
        event(1, EventKind.WORKER_EXITED, service="control", generation=1),
        event(2, EventKind.WORKER_STARTED, service="control", generation=2),
        event(3),
        event(4, EventKind.WORKER_STARTED, service="control", generation=3),
    ]
    assert untold(before, generation=3) == []
    assert untold([event(1)], generation=3) == []
