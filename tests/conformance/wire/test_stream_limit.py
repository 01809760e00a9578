"""SETTINGS_MAX_CONCURRENT_STREAMS with calls that are held, as h2spec's requests never are."""

from __future__ import annotations

from tercet import rpc
from tests.conformance.wire import frames
from tests.conformance.wire.conftest import Handlers, Served, request
from tests.conformance.wire.connection import Answer, connect
from tests.conformance.wire.frames import message


async def test_one_stream_too_many(engine: str) -> None:
    """Is an error of the stream, or of the whole connection (RFC 9113 sections 5.1.2 and 5.4.2)."""
    server = rpc.server(engine=engine, options=[("grpc.max_concurrent_streams", 2)])
    served = Served(server)
    server.add_generic_rpc_handlers((Handlers(served),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with connect(port) as wire:
            # The limit holds when the SETTINGS that tell it are acknowledged.
            await wire.until(lambda: any(f.type == frames.SETTINGS for f in wire.connection_frames))
            await wire.ping()
            for stream in 1, 3, 5:
                wire.headers(stream, request("Wait"))
                wire.data(stream, message(b""), end=True)
            wire.answers[5] = answer = Answer()
            await wire.until(lambda: answer.closed or bool(wire.goaways))
            if answer.closed:
                assert answer.reset in (frames.REFUSED_STREAM, frames.PROTOCOL_ERROR)
                served.go_on.set()
                assert [(await wire.answer(stream)).status for stream in (1, 3)] == [0, 0]
            assert served.notes.count("started") <= 2
    finally:
        await server.stop(0)
