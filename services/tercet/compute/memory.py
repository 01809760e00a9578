"""How much memory the calls of this process hold together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tercet.errors import ResourceExhausted


class Memory:
    """Counts the bytes of large buffers; a call that would exceed the limit is refused at once.

    Args:
        limit: Bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    @contextlib.contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Counts `size` bytes for the length of the `with` block.

        Raises:
            ResourceExhausted: There is not so much left.
        """
        if self.held + size > self.limit:
            raise ResourceExhausted(
                f"the call needs {size} bytes, and {self.limit - self.held} of "
                f"{self.limit} are free",
                hint="retry later with less, or raise compute.memory_limit",
                reason="MEMORY_LIMIT",
                retry_after=0.1 if size <= self.limit else None,
            )
        self.held += size
        try:
            yield
        finally:
            self.held -= size
