"""The options of the native engine."""

from __future__ import annotations

import resource

import pytest

from tercet.rpc import _limits
from tercet.rpc.native import options


def test_every_limit_has_an_option() -> None:
    found = options.values([])
    limits = options.limits(found)
    for name, option in options.LIMITS.items():
        if _limits.DEFAULTS[name] >= 0:
            assert getattr(limits, name) == found[option] == _limits.DEFAULTS[name]


def test_an_option_changes_its_limit_and_minus_one_switches_it_off() -> None:
    limits = options.limits(options.values([("tercet.max_resets", 7), ("tercet.max_glitches", -1)]))
    assert limits.resets == 7
    assert limits.glitches == _limits.NEVER


def test_connections_are_as_many_as_there_are_descriptors_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connections(soft: int, *given: tuple[str, int]) -> int:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, resource.RLIM_INFINITY))
        return options.limits(options.values(given)).connections

    assert connections(1024) == 924
    assert connections(64) == 32
    assert connections(resource.RLIM_INFINITY) == options.MOST_CONNECTIONS
    assert connections(1024, ("tercet.max_connections", 5)) == 5


@pytest.mark.parametrize("option", sorted(options.TIMES))
@pytest.mark.parametrize("value", [-1, 0])
def test_no_time_means_never(option: str, value: int) -> None:
    """Unless none at all is a sensible wish; else a server would end every connection."""
    found = options.values([(option, value)])[option]
    assert found == (0 if value == 0 and option in options.NONE_AT_ALL else 2**31 - 1)


def test_an_option_of_ours_that_there_is_not() -> None:
    with pytest.raises(ValueError, match=r"no option 'tercet\.max_reset': .* 'tercet\.max_resets'"):
        options.values([("tercet.max_reset", 1)])


def test_a_compression_that_there_is_not() -> None:
    with pytest.raises(ValueError, match=r"grpc\.default_compression_algorithm"):
        options.values([("grpc.default_compression_algorithm", 9)])


@pytest.mark.parametrize("value", ["many", None, -2, 1 << 70])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"tercet\.max_resets"):
        options.values([("tercet.max_resets", value)])
