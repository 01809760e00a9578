"""What the runtime promises, each engine keeps."""

from __future__ import annotations

import pytest

from tercet.rpc import ENGINES


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)
