"""From a configuration to a mesh, and into the supervisor."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
import typer

from tercet.cli.config import (
    ComputeSection,
    Config,
    ExecutorSection,
    GatewaySection,
    processes,
    validated,
)
from tercet.cluster.address import Bind
from tercet.cluster.inherited import put_right
from tercet.cluster.region import MOST_GATEWAYS
from tercet.cluster.spec import MeshSpec, OriginSpec
from tercet.compute.config import ComputeConfig
from tercet.errors import ConfigError
from tercet.executor.config import ExecutorConfig

GATEWAY_TARGET = "tercet.gateway.service:register"
COMPUTE_TARGET = "tercet.compute.service:register"
EXECUTOR_TARGET = "tercet.executor.service:register"

# The kernel gives a connection to one gateway process by a hash, as long as it lives. Those that
# end now and then (each at a time of its own, within 10 %) are dealt anew.
SPREAD = {"grpc.max_connection_age_ms": 300_000}

HINTS = {
    "gateway": ["grpcurl -plaintext $gateway list"],
    "compute": [
        'grpcurl -plaintext -d \'{"kernel": "fibonacci", "parameters": {"n": {"integer": 30}}}\''
        " $gateway tercet.compute.v1.Compute/Run",
        "tercet compute list --address $gateway",
    ],
    "executor": ["tercet exec run ps style=aux :: head lines=5 --address $gateway"],
}


def mesh(config: Config) -> MeshSpec:
    """The mesh that a configuration describes.

    Raises:
        ConfigError: The parts do not fit together.
    """
    services: list[dict[str, Any]] = []
    hints: list[str] = []
    if config.gateway.enabled:
        made = gateway(config.gateway, withheld=_withheld(config), concurrency=_concurrency(config))
        services.append(made)
        hints += HINTS["gateway"]
    if config.compute.enabled:
        compute = _built_in("compute", COMPUTE_TARGET, config.compute, ComputeConfig)
        # Several workers share the CPUs: each gets its part of the threads, not all of them.
        compute["options"]["threads"] = config.compute.threads or max(
            1, config.compute.resolved_threads() // compute["workers"]
        )
        services.append(compute)
        hints += HINTS["compute"]
    if config.executor.enabled:
        _refuse_open_executor(config.executor)
        services.append(_built_in("executor", EXECUTOR_TARGET, config.executor, ExecutorConfig))
        # A line to try that is refused would be a poor welcome.
        hints += [] if "executor" in _withheld(config) else HINTS["executor"]
    for name, section in config.services.items():
        services.append(
            {
                "name": name,
                "target": section.target,
                "workers": processes(section.workers),
                "bind": section.bind,
                "options": section.options,
                "max_message_bytes": section.max_message_bytes,
                "server_options": section.server_options,
                "import_from_cwd": True,
            }
        )
    return validated(
        {
            "services": services,
            "health": config.cluster.health,
            "engine": config.engine,
            "grace": config.cluster.grace,
            "boot_timeout": config.cluster.boot_timeout,
            "pid_file": config.cluster.pid_file,
            "hints": ["", "Try:", *(f"  {hint}" for hint in hints)]
            if config.gateway.enabled
            else [],
        }
    )


def gateway(
    section: GatewaySection, *, withheld: Mapping[str, str], concurrency: Mapping[str, int]
) -> dict[str, Any]:
    """The service that is the gateway.

    Args:
        withheld: Services of the mesh that it does not route to, each with a hint for callers.
        concurrency: All services of the mesh that it routes to, and the calls that one worker of
            each works on at once.

    Raises:
        ConfigError: Its parts do not fit together.
    """
    try:
        options = section.options(withheld=withheld, concurrency=concurrency)
    except ValueError as error:
        raise ConfigError(f"the gateway's options are wrong: {error}") from error
    names = {upstream.name for upstream in options.upstreams}
    if both := names & concurrency.keys():
        raise ConfigError(
            f"there is both an upstream and a service named {min(both)!r}",
            hint="give the one in [[gateway.upstreams]] another name",
        )
    for route, name in options.routes.items():
        if name not in names | concurrency.keys():
            raise ConfigError(
                f"the route {route!r} leads to {name!r}, and there is no such upstream",
                hint=f"the upstreams are: {', '.join(sorted(names | concurrency.keys()))}",
            )
    # More CPUs than that are for those behind it.
    workers = section.workers or min(processes(0), MOST_GATEWAYS)
    return {
        "name": "gateway",
        "target": GATEWAY_TARGET,
        "workers": workers,
        "bind": section.bind,
        # Every process listens there: nobody else should.
        "reserved": [options.metrics] if options.metrics else [],
        "options": msgspec.to_builtins(options),
        "routed": False,
        "gateway": True,
        "max_message_bytes": section.max_message_bytes,
        "server_options": (SPREAD if workers > 1 else {}) | section.server_options,
    }


def launch(spec: MeshSpec) -> NoReturn:
    """Becomes the supervisor of a mesh: by exec, so that nothing imported here is in it."""
    origin = OriginSpec(arguments=sys.argv[1:], directory=os.getcwd())
    spec = msgspec.structs.replace(spec, origin=origin)
    if asked := os.environ.get("TERCET_SPEC_FD"):
        with open(int(asked), "wb") as answer:
            answer.write(msgspec.json.encode(spec))
        raise typer.Exit
    put_right()
    handed_over = os.memfd_create("tercet-spec", flags=0)
    os.write(handed_over, msgspec.json.encode(spec))
    os.lseek(handed_over, 0, os.SEEK_SET)
    for stream in (sys.stdout, sys.stderr):
        # None where it was closed when this process was started.
        if stream:
            stream.flush()
    arguments = ["-P", "-m", "tercet.cluster", "--spec-fd", str(handed_over)]
    os.execv(sys.executable, [sys.executable, *arguments])


def _built_in(
    name: str, target: str, section: Any, options: type[msgspec.Struct]
) -> dict[str, Any]:
    return {
        "name": name,
        "target": target,
        "workers": processes(section.workers),
        "bind": section.bind,
        "options": {field: getattr(section, field) for field in options.__struct_fields__},
        "max_message_bytes": section.max_message_bytes,
        "server_options": section.server_options,
    }


def _concurrency(config: Config) -> dict[str, int]:
    """Of each service that there is."""
    built_in: dict[str, ComputeSection | ExecutorSection]
    built_in = {"compute": config.compute, "executor": config.executor}
    found = {name: each.concurrency for name, each in built_in.items() if each.enabled}
    return found | {name: each.concurrency for name, each in config.services.items()}


def _withheld(config: Config) -> dict[str, str]:
    # Programs for anyone who can reach the port: only when somebody has said so.
    if _is_loopback("gateway", config.gateway.bind) or config.executor.expose:
        return {}
    return {"executor": "set expose = true in [executor] to serve it beyond this machine"}


def _refuse_open_executor(section: ExecutorSection) -> None:
    if section.bind and not _is_loopback("executor", section.bind) and not section.expose:
        raise ConfigError(
            f"[executor] would listen on {section.bind}, where anyone could run programs",
            hint="set expose = true in [executor] if that is what you want",
            reason="NOT_EXPOSED",
        )


def _is_loopback(section: str, bind: str) -> bool:
    try:
        return Bind.parse(bind).is_loopback
    except ValueError as error:
        raise ConfigError(f"bind of [{section}]: {error}") from error
