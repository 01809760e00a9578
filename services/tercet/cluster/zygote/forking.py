"""A fork whose parent is not the process that was forked.

fork(2) and not clone(2) with CLONE_PARENT, which would need neither the process between nor a
subreaper: only the C library's fork runs what libraries have registered for it, and seeds the
generator of arc4random(3) anew.
"""

from __future__ import annotations

import os

_BYTES = 8


def fork_for_parent() -> int:
    """Forks this process, which must have one thread, twice.

    The process between the two ends at once, so that the child belongs to the nearest ancestor
    that adopts orphans (`prctl.adopt_orphans`). It is in a session of its own.

    Returns:
        The pid of the child, which has lost its parent by then; 0 in the child.

    Raises:
        OSError: There is no process or memory to be had for it.
    """
    answer, tell = os.pipe()
    try:
        between = os.fork()
    except OSError:
        os.close(answer)
        os.close(tell)
        raise
    if not between:
        return _between(answer, tell)
    os.close(tell)
    with open(answer, "rb") as pipe:
        # To its end: the child closes it as its first deed, so this does not wait for more.
        said = pipe.read()
    os.waitpid(between, 0)
    if len(said) != _BYTES:
        raise ChildProcessError("the process between was killed")
    child = int.from_bytes(said, "little", signed=True)
    if child < 0:
        raise OSError(-child, os.strerror(-child))
    return child


def _between(answer: int, tell: int) -> int:
    """Forks and ends; comes back in the child alone."""
    child = -1
    try:
        # The session of whoever forks may be ended as a whole: the child must not be in it, not
        # even for its first moment.
        os.setsid()
        try:
            child = os.fork()
        except OSError as error:
            child = -(error.errno or 1)
        if child:
            os.write(tell, child.to_bytes(_BYTES, "little", signed=True))
    finally:
        if child:
            os._exit(0)
    os.setsid()
    os.close(answer)
    os.close(tell)
    return 0
