"""What must hold of the calls while a mesh changes in order."""

from __future__ import annotations

from tests.promises.outcomes import CLOSED, REFUSED, RESET, Report


def nothing_failed(report: Report) -> None:
    """Not through the gateways; and past them no connection was refused or lost.

    Raises:
        AssertionError: Something did, and what.
    """
    behind, direct = report.of("gateway"), report.of("direct")
    print(f"through the gateways: {behind}\npast them: {direct}")
    assert not behind.failed, str(behind)
    broken = [each for each in direct.failed if each.code in (REFUSED, RESET, CLOSED)]
    assert not broken, str(Report(broken))
    assert not direct.of("direct fresh").failed, str(direct)
    # The load was one, of all kinds.
    assert len(behind.kinds) >= 4, behind.kinds
