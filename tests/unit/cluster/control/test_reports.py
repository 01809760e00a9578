"""Reports of workers."""

from __future__ import annotations

import msgspec
import pytest

from tercet.cluster.control.records import Key
from tercet.cluster.control.reports import Reports
from tercet.cluster.messages import Reported
from tercet.cluster.states import State
from tests.unit.cluster.control.made import record, reported

FIRST, SECOND = Key("greeter", 0, 1), Key("greeter", 0, 2)
SLOT = ("greeter", 0)


def test_the_newest_is_kept_with_its_time() -> None:
    now = iter([10.0, 11.0])
    reports = Reports(now=lambda: next(now))
    reports.update([record()])
    reports.add(reported(ended=1))
    reports.add(reported(ended=5))
    found = reports.of(FIRST)
    assert found
    assert (found.at, found.statistics.begun) == (11.0, 5)
    assert reports.of(SECOND) is None


def test_reports_that_come_before_the_first_list_count() -> None:
    reports = Reports()
    reports.add(reported(ended=1))
    assert reports.of(FIRST)
    reports.update([record()])
    assert reports.of(FIRST)


def test_a_worker_that_is_gone_is_part_of_its_slot_once() -> None:
    reports = Reports()
    reports.update([record(), record(generation=2)])
    reports.add(reported(ended=100))
    reports.add_cpu(FIRST, 5.0)
    reports.add(reported(ended=1, generation=2))
    reports.update([record(generation=2)])
    # Its last words, which came after the supervisor had seen it end.
    reports.add(reported(ended=101))
    reports.add_cpu(FIRST, 6.0)
    assert reports.of(FIRST) is None
    total = reports.total(SLOT)
    assert total
    assert (total.begun, total.connections, reports.total_cpu(SLOT)) == (101, 1, 5.0)


def test_the_next_worker_of_a_slot_whose_last_one_died_goes_on() -> None:
    reports = Reports()
    reports.update([record()])
    reports.add(reported(ended=100))
    reports.update([record(state=State.GONE, pid=0)])
    reports.update([record(generation=2)])
    reports.add(reported(ended=1, generation=2))
    total = reports.total(SLOT)
    assert total
    assert total.begun == 101


def test_garbage_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    reports = Reports()
    reports.add(
        Reported(service="a", slot=3, generation=1, pid=1, statistics=msgspec.Raw(b'"hello"'))
    )
    assert "a/3" in caplog.text
    assert reports.of(Key("a", 3, 1)) is None
