"""The report of `benchmarks.gateway`: how it was measured, tables, what they mean."""

from __future__ import annotations

from benchmarks.columns import costs, disturbances, generator, median, ratio_of
from benchmarks.gateway import PEERS, SCALE, STREAM, STREAM_LENGTH, UNARY, Outcome, Weights
from benchmarks.report import spread, table, times
from benchmarks.rounds import summary
from benchmarks.trial import QUIET, Runs

BARE, WORKER, GATEWAY, NATIVE = (peer.name for peer in PEERS)


def paragraphs(outcome: Outcome, machine: str, command: str, scale: float) -> list[str]:
    return [
        "# The gateway and a worker beside bare grpc.aio",
        f"{machine}.",
        f"Command: `{command}`",
        _method(outcome, scale),
        "## What it means",
        *_meaning(outcome),
        f"## Unary calls at saturation: {UNARY.connections * UNARY.in_flight} in flight",
        _calls(outcome.saturated),
        "## Unary calls at half of each one's own saturation",
        "A rate is offered here, not found: latency is what to read.",
        _calls(outcome.half),
        f"## Server stream: messages of streams of {STREAM_LENGTH}",
        _messages(outcome.stream),
        "## Workers behind the gateway, on all CPUs",
        f"Nothing is pinned: gateway, workers and h2load share {outcome.cpus} cores. "
        "Ratios are to one worker.",
        _calls(outcome.scale, base=SCALE[0].name),
        "## Memory of idle processes, MiB",
        _memory(outcome.idle),
        "Before the first call, each peer running alone. PSS divides each page among the processes "
        "that map it.",
    ]


def _method(outcome: Outcome, scale: float) -> str:
    runs = [run for kind in _kinds(outcome) for found in kind.values() for run in found]
    rounds = len(outcome.saturated[BARE])
    return (
        "The greeter of `examples/greeter` in one process per peer, called over loopback TCP by "
        f"h2load: {UNARY.connections} connections with {UNARY.in_flight} calls in flight each for "
        f"unary calls, {STREAM.connections} with {STREAM.in_flight} for streams. All processes of "
        f"a peer are pinned to one core, h2load to another; {generator(runs)}. "
        f"{rounds} interleaved rounds, {UNARY.seconds * scale:g} s per run "
        f"({STREAM.seconds * scale:g} s for streams) after a warm-up. Figures are the median of "
        "the rounds (lowest–highest), "  # noqa: RUF001 - see report.spread
        "ratios the median of the ratios within each round. "
        "CPU is user + system time of each process from `/proc/PID/stat`, over the run. "
        "Others is the share of the measured cores' time that other programs had; a run where it "
        f"was above {QUIET:.0%} was made again once, and the less disturbed one taken."
    )


def _meaning(outcome: Outcome) -> list[str]:
    def rate(name: str) -> str:
        return times(ratio_of(outcome.saturated, name, BARE, lambda run: run.rate))

    def cost(name: str) -> str:
        return times(ratio_of(outcome.saturated, name, BARE, lambda run: run.total_cost))

    through = outcome.saturated[GATEWAY]
    own = median(through, lambda run: run.cost["gateway"])
    share = median(through, lambda run: run.cost["gateway"] / run.total_cost)
    stream = times(ratio_of(outcome.stream, GATEWAY, BARE, lambda run: run.total_cost))
    one, two = (peer.name for peer in SCALE)
    gain = spread(ratio_of(outcome.scale, two, one, lambda run: run.rate), 2)
    busy = median(outcome.scale[one], lambda run: run.rate * run.cost["gateway"] / 1e6)
    return [
        f"Straight to a worker, Tercet gives {rate(WORKER)} the calls/s of bare grpc.aio on one "
        f"core, at {cost(WORKER)} the CPU per call. Through the gateway, one core gives "
        f"{rate(GATEWAY)} the calls/s: a call costs {cost(GATEWAY)} the CPU, and the gateway "
        f"itself uses {own:,.0f} µs of it ({share:.0%}), for on grpc.aio it is a server and a "
        f"client, both in Python. A message of a stream costs {stream} the CPU.",
        f"With the native engine a worker gives {rate(NATIVE)} the calls/s of bare grpc.aio, at "
        f"{cost(NATIVE)} the CPU per call.",
        f"Times the calls/s of one worker behind the gateway, two give {gain}; with one, the "
        f"gateway process alone uses {busy:.2f} of the {outcome.cpus} cores, which it shares with "
        "workers and h2load: two cores are too few to tell how workers scale.",
    ]


def _calls(runs: Runs, base: str = BARE) -> str:
    return table(
        ["peer", "calls/s", "ratio", "CPU µs/call", "p50 ms", "p99 ms", "others"],
        [
            [
                name,
                spread(summary([run.rate for run in found])),
                times(ratio_of(runs, name, base, lambda run: run.rate)),
                costs(found),
                spread(summary([run.p50 for run in found]), 1),
                spread(summary([run.p99 for run in found]), 1),
                disturbances(found),
            ]
            for name, found in runs.items()
        ],
    )


def _messages(runs: Runs) -> str:
    return table(
        ["peer", "messages/s", "ratio", "CPU µs/message", "others"],
        [
            [
                name,
                spread(summary([run.rate for run in found])),
                times(ratio_of(runs, name, BARE, lambda run: run.rate)),
                costs(found),
                disturbances(found),
            ]
            for name, found in runs.items()
        ],
    )


def _memory(idle: Weights) -> str:
    return table(
        ["peer", "process", "RSS", "PSS"],
        [
            [name, role, f"{weight.rss:.0f}", f"{weight.pss:.0f}"]
            for name, roles in idle.items()
            for role, weight in roles.items()
        ],
        words=2,
    )


def _kinds(outcome: Outcome) -> list[Runs]:
    return [outcome.saturated, outcome.half, outcome.stream, outcome.scale]
