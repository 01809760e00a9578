"""Scripts of calls: what a client sends and when, what a handler does step by step.

A script leaves nothing to chance: a client goes on when it has the answers that it waits for,
leaves when the handler waits for ever, and every request that is read will be sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import grpc
from hypothesis import strategies as st

from tests.conformance.context.behaviour import Kind, Metadata

Leaves = Literal["cancel", "deadline"] | None

KINDS: list[Kind] = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]
CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


@dataclass(frozen=True)
class Octets:
    """A message, which is shorter to print than its bytes."""

    size: int
    fill: int = 0

    def __bytes__(self) -> bytes:
        return bytes([self.fill]) * self.size


@dataclass(frozen=True)
class Send:
    """A request; sent when the client has so many answers, and after a pause in seconds."""

    message: Octets
    after: int = 0
    pause: float = 0


@dataclass(frozen=True)
class Step:
    """One thing that a handler does: `verb` with `given`."""

    verb: str
    given: Any = None


@dataclass(frozen=True)
class Status(grpc.Status):
    code: grpc.StatusCode
    details: str
    trailing_metadata: Metadata


@dataclass(frozen=True)
class Script:
    """A call.

    Attributes:
        generator: Whether a handler of many answers yields them, rather than writes them.
        compression: How the client compresses.
        half_closes: Whether the client says that it sends no more, before it has its status.
        timeout: The call's deadline in seconds, which it does not come near.
        steps: What the handler does; the last one ends it.
        leaves: What ends a handler that waits for ever; None where none does.
    """

    kind: Kind
    generator: bool
    sends: tuple[Send, ...]
    half_closes: bool
    metadata: Metadata
    compression: grpc.Compression | None
    timeout: float | None
    steps: tuple[Step, ...]
    leaves: Leaves

    @property
    def answers(self) -> int:
        """Messages that the handler streams."""
        return sum(step.verb == "answer" for step in self.steps)

    @property
    def has_initial_metadata(self) -> bool:
        """Whether the client gets any before the end."""
        return any(step.verb in ("answer", "send initial metadata") for step in self.steps)


# What is percent-encoded, and what is not.
TEXTS = st.one_of(
    st.lists(st.sampled_from(["%41", *"a ~%\t\n\0\x7f\x80é☺😈"]), min_size=1).map("".join),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
MESSAGES = st.builds(
    Octets,
    st.one_of(st.integers(0, 20), st.sampled_from([1000, 16_379, 16_384, 65_535, 65_536, 102_400])),
    st.sampled_from([0, 1, 0xFF]),
)
PAUSES = st.sampled_from([0, 0, 0.001, 0.005])
PAIRS = st.one_of(
    st.tuples(
        st.sampled_from(["a", "b", "x-y.z_0"]),
        st.from_regex(r"([!-~]([ -~]{0,20}[!-~])?)?", fullmatch=True),
    ),
    st.tuples(st.sampled_from(["a-bin", "b-bin"]), st.binary(max_size=20)),
)
METADATA = st.sampled_from([0, 1, 2, 4]).flatmap(
    lambda size: st.lists(PAIRS, min_size=size, max_size=size).map(tuple)
)

STEPS = st.one_of(
    st.builds(Step, st.just("send initial metadata"), METADATA),
    st.builds(Step, st.just("set code"), st.sampled_from(grpc.StatusCode)),
    st.builds(Step, st.just("set details"), TEXTS),
    st.builds(Step, st.just("set trailing metadata"), METADATA),
    st.builds(Step, st.just("pause"), PAUSES),
    st.sampled_from([Step("look"), Step("metadata"), Step("remaining"), Step("add callback")]),
    st.builds(Step, st.just("set compression"), st.sampled_from(grpc.Compression)),
    st.just(Step("disable compression")),
)
ANSWERS = st.builds(Step, st.just("answer"), MESSAGES)
READS = st.sampled_from([Step("read"), Step("iterate")])
ENDS = st.one_of(
    st.builds(Step, st.just("return"), MESSAGES),
    st.builds(Step, st.just("abort"), st.tuples(st.sampled_from(CODES), TEXTS, METADATA)),
    st.builds(
        Step,
        st.just("abort with status"),
        st.builds(Status, st.sampled_from(CODES), TEXTS, METADATA),
    ),
    st.builds(Step, st.just("abort and go on"), st.tuples(st.sampled_from(CODES), TEXTS, METADATA)),
    st.builds(Step, st.just("raise"), st.builds(ValueError, TEXTS)),
    st.builds(Step, st.just("raise"), st.builds(KeyError, TEXTS)),
)
# What it waits in, and what it makes of being cancelled.
WAITS = st.builds(
    Step,
    st.just("wait"),
    st.tuples(
        st.sampled_from(["event", "sleep", "child", "read"]),
        st.sampled_from(["raise", "clean up", "return", "fail"]),
    ),
)


@st.composite
def scripts(draw: st.DrawFn, leaves: Leaves) -> Script:
    kind = draw(st.sampled_from(KINDS))
    asks, tells = (part == "stream" for part in kind.split("_"))
    half_closes = not asks or draw(st.integers(0, 3)) > 0
    requests = draw(st.integers(0, 4)) if asks else 1

    # Drawn one by one, since hypothesis's own lists are short, and its own choices seldom answers.
    turns = [STEPS, STEPS, *[ANSWERS] * 2 * tells, *[READS] * asks]
    steps: list[Step] = []
    # Of each request, how many answers the client has at most when it is read.
    before: list[int] = []
    answers = 0
    for _ in range(draw(st.sampled_from([0, 2, 4, 6, 8]))):
        step = draw(draw(st.sampled_from(turns)))
        if step.verb in ("read", "iterate"):
            # What is never sent cannot be read, unless it is the end.
            if len(before) == requests and not half_closes:
                continue
            before = [*before, answers][:requests]
        answers += step.verb == "answer"
        steps.append(step)
    if asks and half_closes and draw(st.booleans()):
        steps.append(Step("read all"))
        before += [answers] * (requests - len(before))
    steps.append(draw(WAITS if leaves else ENDS))

    sends = []
    for index in range(requests):
        most = before[index] if index < len(before) else answers
        after = draw(st.integers(0, most)) if asks else 0
        sends.append(Send(draw(MESSAGES), after, draw(PAUSES)))
    return Script(
        kind=kind,
        generator=draw(st.booleans()),
        sends=tuple(sends),
        half_closes=half_closes,
        metadata=draw(METADATA),
        compression=draw(st.sampled_from([None, *grpc.Compression])),
        timeout=draw(st.sampled_from([None, 30, 1000])),
        steps=tuple(steps),
        leaves=leaves,
    )
