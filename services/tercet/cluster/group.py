"""The order of the kernel's group of sockets that listen on one address, kept in step with it.

What that order is (tried, and so written in net/core/sock_reuseport.c):
* the order in which they began to listen, which is not that of binding; to call listen() again, as
  workers do, changes nothing;
* when one stops listening, the last takes its place. It stops when its last descriptor anywhere is
  closed, or at once by shutdown();
* sockets of other programs that join on the same address count too.

Sockets are named by their inodes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator


class Group:
    def __init__(self) -> None:
        self._order: list[int] = []

    def __iter__(self) -> Iterator[int]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)

    @property
    def last(self) -> int:
        return self._order[-1]

    def join(self, inode: int) -> None:
        """It has begun to listen."""
        self._order.append(inode)

    def leave(self, inode: int) -> None:
        """It has ceased to listen."""
        at = self._order.index(inode)
        last = self._order.pop()
        if last != inode:
            self._order[at] = last

    def missing(self, there: Collection[int]) -> list[int]:
        """Those that are not there."""
        return [inode for inode in self._order if inode not in there]

    def indices(self, chosen: Collection[int]) -> list[int]:
        return [index for index, inode in enumerate(self._order) if inode in chosen]
