"""h2spec, the conformance test of HTTP/2 servers, finds no fault but in the cases left out here.

Its requests are GET and POST of /, which are none of gRPC's: a server of gRPC answers each of them
with an HTTP status and no body, as soon as the request has ended (a gateway: has begun). And it
tests RFC 7540, which RFC 9113 has replaced.

Not for the reference, whose HTTP/2 is not ours to judge (59 of the 145 cases pass, in 100 s); but
for a gateway before the server, whose front is to be as good.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tercet import rpc
from tercet.rpc import ENGINES
from tests.conformance.conftest import REFERENCE
from tests.conformance.gateway.front import Front
from tests.integration import tools

NO_BODY = "waits for DATA, or skips itself without; wire/test_flow_control.py has such cases"
ANSWERED = (
    "a race: its first request may be answered, and its stream closed, before the next frame comes;"
    " wire/test_framing.py and wire/test_stream_limit.py have the cases with calls that are held"
)
CLOSED = (
    "frames for a closed stream: RFC 7540 had the server answer them with an error, by RFC 9113"
    " section 5.1 it MAY; nghttp2 keeps no closed streams and ignores them"
)
LOWER = (
    "a fault, harmless: HEADERS with a lower number than the last stream's end the connection"
    " (RFC 9113 section 5.1.1); nghttp2 ignores them, and tells nobody (nghttp2/nghttp2#2278)"
)
RESET = (
    "a race: the server may close before its PING is read, which the kernel tells as a reset; it"
    " means to take that for the close, but does not know it as Go has told it since 1.4"
)
PRIORITIES = (
    "RFC 9113 section 5.3.2 has no priorities to be wrong about; nghttp2 ignores PRIORITY from"
    " 1.65 on (nghttp2/nghttp2#2365)"
)

LEFT_OUT = {
    "generic/2/2": NO_BODY,
    "generic/2/3": NO_BODY,
    "generic/3.8/1": RESET,
    "http2/5.1/5": ANSWERED,
    "http2/5.1/6": ANSWERED,
    "http2/5.1/8": CLOSED,
    "http2/5.1/9": CLOSED,
    "http2/5.1/11": CLOSED,
    "http2/5.1/12": CLOSED,
    "http2/5.1.1/2": LOWER,
    "http2/5.1.2/1": ANSWERED,
    "http2/5.3.1/1": PRIORITIES,
    "http2/5.3.1/2": PRIORITIES,
    "http2/6.1/2": ANSWERED,
    "http2/6.3/1": PRIORITIES,
    "http2/6.3/2": PRIORITIES,
    "http2/6.5.3/1": NO_BODY,
    "http2/6.9.1/1": NO_BODY,
    "http2/6.9.2/1": NO_BODY,
    "http2/6.9.2/2": NO_BODY,
}
# What is none of gRPC's a gateway answers when its headers have come, and does not wait for a body
# that nobody wants: a frame that comes later is for a stream that is closed.
LEFT_OUT_OF_GATEWAYS = {
    "http2/6.1/3",
    "http2/6.9/2",
    "http2/6.9.1/3",
    "http2/8.1/1",
    "http2/8.1.2.1/3",
    "http2/8.1.2.6/1",
    "http2/8.1.2.6/2",
}
ROOTS = {"Generic": "generic", "Hypertext": "http2", "HPACK:": "hpack"}
# Of one case, in seconds: none of those that are run needs it.
TIMEOUT = 10


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - {REFERENCE}))
@pytest.mark.parametrize("fronted", [False, True], ids=["server", "gateway"])
async def test_h2spec(engine: str, fronted: bool, tmp_path: Path) -> None:
    program = tools.find("h2spec")
    if program is None:
        tools.unavailable("no h2spec; `make tools` installs it where Go is")
    cases = numbers((await output(program, "--dryrun")).decode())
    assert len(cases) == 145
    left_out = LEFT_OUT.keys() | (LEFT_OUT_OF_GATEWAYS if fronted else set())
    assert left_out <= set(cases)
    chosen = [case for case in cases if case not in left_out]

    # What goes wrong between the loop and the server, which a client need not notice.
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    server = rpc.server(engine=engine)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    report = tmp_path / "report.xml"
    try:
        with ExitStack() as stack:
            if fronted:
                front = await asyncio.to_thread(Front, {"": [f"127.0.0.1:{port}"]})
                port = stack.enter_context(front).port
            said = await output(
                program,
                *("--port", str(port), "--timeout", str(TIMEOUT), "--junit-report", str(report)),
                *chosen,
            )
    finally:
        await server.stop(0)

    # It writes a report only when it came to its end.
    assert report.exists(), said.decode()
    # It quotes frames as they are; XML takes no control characters.
    text = re.sub(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", b"?", report.read_bytes())
    results = list(ElementTree.fromstring(text).iter("testcase"))
    assert len(results) == len(chosen)
    not_passed = {
        (result.attrib["package"], result.attrib["classname"]): [each.tag for each in result]
        for result in results
        if len(result)
    }
    assert not_passed == {}, said.decode()
    assert errors == []


def numbers(dry_run: str) -> list[str]:
    """The cases' numbers ("http2/6.1/2") in the titles that a dry run prints."""
    found = []
    root = section = ""
    for line in dry_run.splitlines():
        first = line.split(maxsplit=1)[0] if line.strip() else ""
        if first in ROOTS:
            root = ROOTS[first]
        elif re.fullmatch(r"[\d.]+\.", first):
            section = first[:-1]
        elif re.fullmatch(r"\d+:", first):
            found.append(f"{root}/{section}/{first[:-1]}")
    return found


async def output(*command: str) -> bytes:
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return said
