"""h2spec, the conformance test of HTTP/2 servers, finds no failures but those that are listed.

Not for the reference, whose HTTP/2 is not ours to judge.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tercet import rpc
from tercet.rpc import ENGINES
from tests.conformance.conftest import REFERENCE
from tests.integration import tools

NO_BODY = "h2spec waits for a body; its request is none of gRPC's, and the answer has none"
IGNORED = "nghttp2 ignores what comes for a closed stream, as RFC 9113 section 5.1 lets it"
ANSWERED = "h2spec's requests, being none of gRPC's, may be answered before what it sends next"
RESET = "closed with h2spec's PING unread, which the kernel tells as a reset"

# By h2spec's section and its title of the case. Some depend on nghttp2's version or on time, and
# are let fail, not made to; wire/test_framing.py tests half-closed streams that stay open.
EXPECTED = {
    ("generic/2", "Sends a WINDOW_UPDATE frame on half-closed (remote) stream"): NO_BODY,
    ("generic/2", "Sends a PRIORITY frame on half-closed (remote) stream"): NO_BODY,
    ("generic/3.8", "Sends a GOAWAY frame"): RESET,
    ("http2/5.1", "half closed (remote): Sends a DATA frame"): ANSWERED,
    ("http2/5.1", "half closed (remote): Sends a HEADERS frame"): ANSWERED,
    ("http2/5.1", "closed: Sends a DATA frame after sending RST_STREAM frame"): IGNORED,
    ("http2/5.1", "closed: Sends a HEADERS frame after sending RST_STREAM frame"): IGNORED,
    ("http2/5.1", "closed: Sends a DATA frame"): IGNORED,
    ("http2/5.1", "closed: Sends a HEADERS frame"): IGNORED,
    ("http2/5.1.1", "Sends stream identifier that is numerically smaller than previous"): IGNORED,
    (
        "http2/5.1.2",
        "Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded",
    ): ANSWERED,
    (
        "http2/6.1",
        'Sends a DATA frame on the stream that is not in "open" or "half-closed (local)" state',
    ): ANSWERED,
}


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - {REFERENCE}))
async def test_h2spec(engine: str, tmp_path: Path) -> None:
    program = tools.find("h2spec")
    if program is None:
        tools.unavailable("no h2spec; `make tools` installs it where Go is")
    server = rpc.server(engine=engine, options=[("grpc.max_concurrent_streams", 100)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    report = tmp_path / "report.xml"
    child = await asyncio.create_subprocess_exec(
        *(program, "--port", str(port), "--timeout", "1", "--junit-report", str(report)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    await server.stop(0)

    # It writes a report only when it came to its end.
    assert report.exists(), said.decode()
    # It quotes frames as they are; XML takes no control characters.
    text = re.sub(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", b"?", report.read_bytes())
    cases = list(ElementTree.fromstring(text).iter("testcase"))
    assert len(cases) > 140
    failed = {
        (case.attrib["package"], case.attrib["classname"]): error.text
        for case in cases
        if (error := case.find("error")) is not None or (error := case.find("failure")) is not None
    }
    assert {case: text for case, text in failed.items() if case not in EXPECTED} == {}
