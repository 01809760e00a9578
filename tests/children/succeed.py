"""Plays a successor: takes over as it was told by its first argument, and tells what it was given.

ready      says that it serves, waits for the mesh, and writes the file REPORT
fails      says why it cannot, and exits with 3
dies       exits with 5, saying nothing
hangs      does nothing, and ignores TERM
stops      exits with 0 when it is told to stop
"""

import asyncio
import json
import os
import signal
import sys

from tercet.cluster.takeover import Takeover


async def main(how: str) -> int:
    takeover = Takeover.received(os.environ)
    assert takeover
    stopped = asyncio.Event()
    takeover.begin(lambda grace: stopped.set())
    if how == "fails":
        takeover.failed("it does not like it here")
        return 3
    if how == "dies":
        return 5
    if how == "hangs":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        await asyncio.Event().wait()
    if how == "stops":
        await stopped.wait()
        return 0
    await takeover.ready()
    report = {
        "given": [[one.name, str(one.bind)] for one in takeover.given],
        "inheritable": [one.socket.get_inheritable() for one in takeover.given],
        "pid_file": takeover.pid_file,
        "variable": os.environ.get("TERCET_TAKEOVER", ""),
        "file": os.environ.get("TERCET_SPEC_FILE"),
        "directory": os.getcwd(),
        "session": os.getsid(0),
    }
    with open(os.environ["REPORT"], "w") as file:  # noqa: ASYNC230 - nothing else goes on here
        json.dump(report, file)
    return 0


sys.exit(asyncio.run(main(sys.argv[1])))
