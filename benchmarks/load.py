"""Drives h2load, the load generator of nghttp2, which spends far less per call than a gRPC client.

It knows nothing of gRPC: it posts one file as each call's body. A call that fails has HTTP status
200 like any other, but no message; so the bytes of the responses tell whether calls were answered.
"""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import pinned

INSTALL = "h2load is missing; install it with: apt-get install nghttp2-client"
# Beyond the load's own duration, in seconds.
MARGIN = 60.0
# Of the times that h2load prints.
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class LoadError(Exception):
    """h2load did not end well, or calls failed."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is called, how often.

    Attributes:
        body: The request message with its gRPC prefix.
        connections: Each has its own share of the calls.
        in_flight: Calls at once on each connection.
        seconds: Duration.
        rate: Calls per second in total; None for as many as possible.
        calls: Calls of one run of h2load, on connections of its own, begun anew until the duration
            is reached; None for one run that is cut off after it.
        http1: HTTP/1.1 instead of gRPC.
        tls: Over TLS, whoever the server is.
    """

    path: str
    body: bytes
    connections: int
    in_flight: int
    seconds: float
    rate: float | None = None
    calls: int | None = None
    http1: bool = False
    tls: bool = False


@dataclass(frozen=True)
class Counts:
    """What h2load prints.

    Attributes:
        calls: Calls that ended within the duration.
        failed: Calls that failed on the level of HTTP/2.
        data: Bytes of messages received, with their prefixes.
        seconds: From the first connection to the last answer.
    """

    calls: int
    failed: int
    data: int
    seconds: float

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.calls + other.calls,
            self.failed + other.failed,
            self.data + other.data,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True)
class Result:
    """One run.

    Attributes:
        latencies: Of each call, in microseconds, sorted.
        seconds: How long h2load ran, its start and end included.
        generator_share: CPU time of h2load over these: near 1 it is the bottleneck.
    """

    counts: Counts
    latencies: list[int]
    seconds: float
    generator_share: float


def available() -> bool:
    return shutil.which("h2load") is not None


def run(load: Load, address: str, cpus: set[int]) -> Result:
    """Calls `address` from these CPUs.

    Raises:
        LoadError: h2load failed, or calls did on the level of HTTP/2.
    """
    with tempfile.TemporaryDirectory(prefix="tercet-load-") as folder:
        body, log = Path(folder, "body"), Path(folder, "log")
        body.write_bytes(load.body)
        command = ["h2load", f"--data={body}", f"--log-file={log}", *_options(load)]
        command.append(f"{'https' if load.tls else 'http'}://{address}{load.path}")
        spent_before, began = _children_seconds(), time.perf_counter()
        counts = _run_once(load, command, cpus)
        while load.calls is not None and counts.seconds < load.seconds:
            counts += _run_once(load, command, cpus)
        seconds = time.perf_counter() - began
        share = (_children_seconds() - spent_before) / seconds
        # h2load adds to its log.
        return Result(counts, latencies(log.read_text()), seconds, share)


def _run_once(load: Load, command: list[str], cpus: set[int]) -> Counts:
    done = subprocess.run(
        pinned(command, cpus),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=load.seconds + MARGIN,
        check=False,
    )
    if done.returncode:
        raise LoadError(f"h2load exited with {done.returncode}: {done.stdout}{done.stderr}")
    counts = parse(done.stdout)
    if counts.failed or not counts.calls:
        raise LoadError(
            f"of the calls to {load.path}, {counts.failed} failed and {counts.calls} ended"
            f" within {load.seconds:g} s"
        )
    return counts


def _options(load: Load) -> list[str]:
    options = [f"--clients={load.connections}", f"--max-concurrent-streams={load.in_flight}"]
    if load.calls is None:
        options.append(f"--duration={round(load.seconds * 1000)}ms")
    else:
        options.append(f"--requests={load.calls}")
    if load.http1:
        options.append("--h1")
    else:
        options += ["--header=content-type: application/grpc", "--header=te: trailers"]
    if load.rate is not None:
        options.append(f"--rps={load.rate / load.connections:.3f}")
    return options


def parse(output: str) -> Counts:
    """Reads the summary that h2load prints.

    Raises:
        LoadError: There is none.
    """
    requests = re.search(
        r"^requests: .* (\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored, (\d+) timeout",
        output,
        re.MULTILINE,
    )
    data = re.search(r"^traffic: .*\((\d+)\) data$", output, re.MULTILINE)
    finished = re.search(r"^finished in ([\d.]+)(us|ms|s|m|h)\b", output, re.MULTILINE)
    if not requests or not data or not finished:
        raise LoadError(f"h2load printed no summary: {output}")
    calls, *failed = map(int, requests.groups())
    return Counts(calls, sum(failed), int(data[1]), float(finished[1]) * UNITS[finished[2]])


def latencies(log: str) -> list[int]:
    """Microseconds of each call, sorted, from h2load's log: begin, HTTP status, microseconds."""
    return sorted(int(line.rpartition("\t")[2]) for line in log.splitlines())


def _children_seconds() -> float:
    """CPU seconds of the children that have ended; while h2load runs, no other one ends."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
