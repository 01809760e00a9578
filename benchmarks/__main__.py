"""`python -m benchmarks`: measures beside peers and writes benchmarks/reports/."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import sys
from pathlib import Path

from benchmarks import load, machine, report
from benchmarks.process import NotReady
from benchmarks.selection import selected

REPORTS = ("rpc", "gateway", "proxies", "cluster", "kernels")
# Reports of which a part may be chosen.
PARTS = ("rpc", "proxies", "cluster")

# Above it, other programs have taken part of the CPUs.
QUIET = 1.0
KERNEL_ROUNDS = 40


def main() -> int:
    parser = _parser()
    options = parser.parse_args()
    if options.name and options.what in ("kernels", "all"):
        parser.error("--name is of one report, rpc, gateway, proxies or cluster")
    if (options.peers or options.only) and options.what not in PARTS:
        parser.error("--peers and --only are of one report, rpc, proxies or cluster")
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    if options.what != "kernels" and not load.available():
        print(load.INSTALL, file=sys.stderr)
        return 1
    try:
        if options.what in ("rpc", "all"):
            _rpc(options, command)
        if options.what in ("gateway", "all"):
            _written(_gateway(options, command))
        if options.what in ("proxies", "all"):
            _proxies(options, command)
        if options.what in ("cluster", "all"):
            _cluster(options, command)
        if options.what in ("kernels", "all"):
            _written(_kernels(command))
    except (NotReady, ValueError, ConnectionError, load.LoadError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=(*REPORTS, "all"), default="all")
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds of all but kernels [default: 5]"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="factor on each run's duration [default: 1]"
    )
    parser.add_argument(
        "--name", help="of the report, not of kernels, after its date [default: rpc, gateway, ...]"
    )
    parser.add_argument(
        "--peers",
        type=_words,
        help="of rpc, proxies and cluster: these alone, as in native,grpc-go or tercet,envoy;"
        " nothing is written",
    )
    parser.add_argument(
        "--only",
        type=_words,
        help="of rpc, proxies and cluster: as in unary,64mib,idle or reload,kill;"
        " nothing is written",
    )
    return parser


def _words(text: str) -> list[str]:
    return text.split(",")


def _rpc(options: argparse.Namespace, command: str) -> None:
    from benchmarks import rpc, rpc_report

    about = _about("grpcio", "protobuf", "uvloop")
    peers = selected(options.peers, {peer.key: peer for peer in rpc.PEERS})
    keys = selected(options.only, {key: key for key in rpc.KEYS})
    outcome = rpc.measure(options.rounds, options.scale, _say, peers, keys)
    text = rpc_report.paragraphs(outcome, about, command, options.scale)
    if options.peers or options.only:
        print("\n\n".join(text))
    else:
        _written(report.write(options.name or "rpc", text, _today()))


def _gateway(options: argparse.Namespace, command: str) -> Path:
    from benchmarks import gateway, gateway_report

    about = _about("grpcio", "uvloop")
    outcome = gateway.measure(options.rounds, options.scale, _say)
    text = gateway_report.paragraphs(outcome, about, command, options.scale)
    return report.write(options.name or "gateway", text, _today())


def _proxies(options: argparse.Namespace, command: str) -> None:
    from benchmarks import proxies, proxies_report, proxy_cases

    about = _about("uvloop")
    chosen = selected(options.peers, {proxy.key: proxy for proxy in proxies.PROXIES})
    keys = selected(options.only, {key: key for key in proxy_cases.KEYS})
    outcome = proxies.measure(options.rounds, options.scale, _say, chosen, keys)
    text = proxies_report.paragraphs(outcome, about, command, options.scale)
    if options.peers or options.only:
        print("\n\n".join(text))
    else:
        _written(report.write(options.name or "proxies", text, _today()))


def _cluster(options: argparse.Namespace, command: str) -> None:
    from benchmarks import cluster, cluster_report

    about = _about("uvloop")
    peers = selected(options.peers, {peer.key: peer for peer in cluster.PEERS})
    keys = selected(options.only, {key: key for key in cluster.KEYS})
    outcome = cluster.measure(options.rounds, options.scale, _say, peers, keys)
    text = cluster_report.paragraphs(outcome, about, command, options.scale)
    if options.peers or options.only:
        print("\n\n".join(text))
    else:
        _written(report.write(options.name or "cluster", text, _today()))


def _kernels(command: str) -> Path:
    # Read once, when NumPy is imported: by `kernels`, and by nothing before it.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"

    import uvloop

    from benchmarks import kernels, kernels_report
    from tercet.cluster.sizing import usable_cpus

    about = _about("numpy", "opencv-python-headless", "uvloop")
    works, trips = uvloop.run(kernels.measure(KERNEL_ROUNDS, sorted({1, usable_cpus()})))
    text = kernels_report.paragraphs(works, trips, about, command)
    return report.write("kernels", text, _today())


def _about(*packages: str) -> str:
    average = machine.load_average()
    if average > QUIET:
        print(f"the load average is {average:.1f}: figures will be noisy", file=sys.stderr)
    return f"{machine.line(packages)}; load average {average:.2f} at the start"


def _say(text: str) -> None:
    print(text, flush=True)


def _written(path: Path) -> None:
    print(path.read_text())
    print(f"written: {path}")


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()


if __name__ == "__main__":
    sys.exit(main())
