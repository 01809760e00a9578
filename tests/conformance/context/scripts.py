"""Scripts of calls, made by hypothesis: what a handler does step by step, what a client sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from hypothesis import strategies as st

from tests.conformance.context.behaviour import Behaviour, Kind, Metadata, Note, attempt

CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
KINDS: list[Kind] = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]


@dataclass(frozen=True)
class Step:
    """One thing that a handler does: `verb` with `given`."""

    verb: str
    given: Any = None


@dataclass(frozen=True)
class Script:
    """A call.

    Attributes:
        kind: How the handler is registered and called.
        generator: Whether a handler of many responses yields them, rather than writes them.
        requests: Messages that the client sends before it half-closes.
        metadata: The call's.
        steps: What the handler does; the last one ends it.
    """

    kind: Kind
    generator: bool
    requests: tuple[bytes, ...]
    metadata: Metadata
    steps: tuple[Step, ...]

    def behaviour(self) -> Behaviour:
        handler: Callable[..., Any] = self._answer
        if self.kind.endswith("stream"):
            handler = self._generate if self.generator else self._write
        return Behaviour(
            name="script",
            kind=self.kind,
            handler=handler,
            client_kind=self.kind,
            requests=self.requests,
            metadata=self.metadata,
            # A handler that waits is ended by the deadline; no other one may come near it.
            timeout=0.1 if self.steps[-1].verb == "wait" else 10,
            worded=self.steps[-1].verb != "wait",
            until="end",
        )

    async def _answer(self, request: Any, context: Any, note: Note) -> bytes:
        try:
            for step in self.steps:
                await self._do(step, context, note)
            return bytes(self.steps[-1].given)
        finally:
            note("end")

    async def _write(self, request: Any, context: Any, note: Note) -> None:
        try:
            for step in self.steps:
                if step.verb == "respond":
                    await context.write(step.given)
                await self._do(step, context, note)
        finally:
            note("end")

    async def _generate(self, request: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
        try:
            for step in self.steps:
                if step.verb == "respond":
                    yield step.given
                await self._do(step, context, note)
        finally:
            note("end")

    async def _do(self, step: Step, context: Any, note: Note) -> None:
        given = step.given
        match step.verb:
            case "send initial metadata":
                await attempt(note, step.verb, context.send_initial_metadata(given))
            case "read" if self.kind.startswith("stream"):
                message = await context.read()
                note("EOF" if message is grpc.aio.EOF else f"read {len(message)}")
            case "set code":
                context.set_code(given)
            case "set details":
                context.set_details(given)
            case "set trailing metadata":
                context.set_trailing_metadata(given)
            case "look":
                note(f"{context.code()} {context.details()!r} {context.trailing_metadata()!r}")
                note(f"{context.done()} {context.cancelled()}")
            case "pause":
                await asyncio.sleep(0)
            case "abort":
                await context.abort(*given)
            case "raise":
                raise ValueError(given)
            case "wait":
                await asyncio.Event().wait()


_texts = st.text(st.characters(codec="utf-8"), max_size=20)
_messages = st.one_of(st.binary(max_size=20), st.integers(0, 200_000).map(bytes))
_pairs = st.one_of(
    st.tuples(
        st.sampled_from(["a", "b", "x-y.z_0"]),
        st.from_regex(r"([!-~]([ -~]*[!-~])?)?", fullmatch=True),
    ),
    st.tuples(st.sampled_from(["a-bin", "b-bin"]), st.binary(max_size=20)),
)
_metadata = st.lists(_pairs, max_size=4).map(tuple)

_steps = st.one_of(
    st.builds(Step, st.just("send initial metadata"), _metadata),
    st.builds(Step, st.just("respond"), _messages),
    st.builds(Step, st.just("set code"), st.sampled_from(grpc.StatusCode)),
    st.builds(Step, st.just("set details"), _texts),
    st.builds(Step, st.just("set trailing metadata"), _metadata),
    st.sampled_from([Step("read"), Step("look"), Step("pause")]),
)
_ends = st.one_of(
    st.builds(Step, st.just("return"), _messages),
    st.builds(Step, st.just("abort"), st.tuples(st.sampled_from(CODES), _texts, _metadata)),
    st.builds(Step, st.just("raise"), _texts),
    st.just(Step("wait")),
)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    kind = draw(st.sampled_from(KINDS))
    many = kind.startswith("stream")
    return Script(
        kind=kind,
        generator=draw(st.booleans()),
        requests=tuple(draw(st.lists(_messages, min_size=not many, max_size=3 if many else 1))),
        metadata=draw(_metadata),
        steps=(*draw(st.lists(_steps, max_size=6)), draw(_ends)),
    )
