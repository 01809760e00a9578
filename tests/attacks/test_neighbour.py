"""The neighbour sees harm where there is some: else that it saw none would say nothing."""

from __future__ import annotations

import pytest

from tests.attacks.judge import Interval, harm, is_noisy
from tests.attacks.scene import Scene

QUIET = Interval(10_000, 0.0002, 0.0004, 0, 10_000)
NEVER = (1 << 31) - 1
# No limit that a flood or a reset could meet.
OFF = {
    "tercet.max_glitches": NEVER,
    "tercet.glitches_per_second": NEVER,
    "tercet.max_resets": NEVER,
    "tercet.resets_per_second": NEVER,
    "grpc.http2.max_ping_strikes": 0,
}


def test_without_limits_a_flood_does_harm():
    with Scene(OFF) as scene:
        report = scene.run("WINDOW_UPDATE flood")
    print(report)
    assert report.harm
    # Each was cut off by the end of its round.
    assert not report.met
    assert not any(report.counted.values())
    assert report.words["cut"]


@pytest.mark.parametrize(
    ("attacked", "words"),
    [
        (QUIET._replace(rate=4900), "calls/s"),
        (QUIET._replace(p99=0.0055), "p99"),
    ],
)
def test_harm(attacked: Interval, words: str):
    (found,) = harm([QUIET] * 3, [attacked] * 2 + [QUIET])
    assert words in found


def test_no_harm():
    assert not harm([QUIET] * 3, [QUIET._replace(rate=5100, p99=0.005)] * 3)
    # One of three may be bad luck.
    assert not harm([QUIET] * 3, [QUIET, QUIET._replace(rate=1), QUIET])


def test_noise():
    assert not is_noisy([QUIET, QUIET._replace(rate=6000)])
    assert is_noisy([QUIET, QUIET._replace(rate=4900)])
    assert is_noisy([QUIET, QUIET._replace(p99=0.01)])
