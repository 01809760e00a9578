"""The seam between calls and the connections that they go out on."""

from typing_extensions import disjoint_base

from tercet.rpc._session import Session

@disjoint_base
class Lane(Session):
    """One connection to an endpoint."""

    @property
    def leaving(self) -> bool: ...
    @property
    def open_calls(self) -> int: ...
    @property
    def most_calls(self) -> int: ...
