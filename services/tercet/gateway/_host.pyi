"""The seam between calls and the upstream that finds endpoints for them."""

from typing_extensions import disjoint_base

@disjoint_base
class Host:
    """Finds an endpoint for each call."""

    @property
    def name(self) -> str: ...
