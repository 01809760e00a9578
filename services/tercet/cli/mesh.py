"""From a configuration to the mesh that it describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tercet.cli.config.addresses import shared
from tercet.cli.config.checking import OptionError, refusal
from tercet.cli.config.fields import Path
from tercet.cli.config.sections import (
    ComputeSection,
    Config,
    ExecutorSection,
    Hosting,
    ServiceSection,
    recycle,
)
from tercet.cluster.address import Bind
from tercet.cluster.messages import EventKind
from tercet.cluster.region import MOST_GATEWAYS
from tercet.cluster.sizing import usable_cpus
from tercet.cluster.spec import TARGET, MeshSpec, ServiceSpec
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

# Of events, for hooks.
KINDS = tuple(str(kind) for kind in EventKind)

# What is done with an error: it is raised, or kept and the part left out.
Refuse = Callable[[OptionError], None]


def _raise(error: OptionError) -> None:
    raise error


def mesh(config: Config, *, refuse: Refuse = _raise) -> MeshSpec:
    """The mesh that a configuration describes.

    Args:
        refuse: Called with each error, if that is not to be raised.

    Raises:
        OptionError: The parts do not fit together.
    """
    services: list[ServiceSpec] = []

    def add(path: Path, section: Hosting, make: Callable[[], dict[str, Any]]) -> None:
        try:
            services.append(msgspec.convert(make(), ServiceSpec))
        except OptionError as error:
            refuse(error)
        except (ConfigError, ValueError) as error:
            refuse(refusal(error, msgspec.to_builtins(section), within=path))

    if config.gateway.enabled:
        add(("gateway",), config.gateway, lambda: _gateway(config))
    if config.compute.enabled:
        add(("compute",), config.compute, lambda: _compute(config.compute))
    if config.executor.enabled:
        add(("executor",), config.executor, lambda: _executor(config.executor))
    for name, section in config.services.items():
        add(("services", name), section, lambda name=name, section=section: _own(name, section))  # type: ignore[misc]
    for error in shared(config):
        refuse(error)
    hooks = {}
    for kind, target in config.cluster.hooks.items():
        if wrong := _hook_refused(kind, target):
            refuse(wrong)
        else:
            hooks[kind] = target
    cluster = {name: getattr(config.cluster, name) for name in config.cluster.__struct_fields__} | {
        "engine": config.engine,
        "hooks": hooks,
    }
    try:
        msgspec.convert({"services": []} | cluster, MeshSpec)
    except (ConfigError, ValueError) as error:
        said = refusal(error, cluster, within=("cluster",))
        path = ("engine",) if said.path[-1] == "engine" else said.path
        refuse(OptionError(said.message, path=path, hint=said.hint))
        return MeshSpec(services=[])
    try:
        return msgspec.convert(
            {"services": [msgspec.to_builtins(each) for each in services], "hints": _hints(config)}
            | cluster,
            MeshSpec,
        )
    except OptionError:
        # Of the gateway's address, for the hints: it was told above.
        return MeshSpec(services=[])
    except (ConfigError, ValueError) as error:
        names = {name: name for name in config.services}
        said = refusal(error, names, within=("services",))
        path = said.path if len(said.path) > 1 else ("gateway", "workers")
        refuse(OptionError(said.message, path=path, hint=said.hint))
        return MeshSpec(services=[])


def _hook_refused(kind: str, target: str) -> OptionError | None:
    path = ("cluster", "hooks", kind)
    if kind not in KINDS:
        return OptionError(
            f"there is no event {kind!r}",
            path=path,
            hint=f"the events are: {', '.join(KINDS)}",
        )
    if not TARGET.fullmatch(target):
        return OptionError(f"the hook {kind} is {target!r}: write it as module:function", path=path)
    return None


def processes(count: int) -> int:
    """The number of workers that a setting means: 0 is one per usable CPU."""
    return count or usable_cpus()


def _hosting(section: Hosting) -> dict[str, Any]:
    """What all services have in common."""
    return {
        "workers": processes(section.workers),
        "bind": section.bind,
        "max_message_bytes": section.max_message_bytes,
        "server_options": section.server_options,
        "recycle": msgspec.to_builtins(recycle(section)),
        "pin": section.pin,
    }


def _gateway(config: Config) -> dict[str, Any]:
    section = config.gateway
    # The services of the mesh that it routes to.
    concurrency = _concurrency(config)
    options = section.options(withheld=_withheld(config), concurrency=concurrency)
    names = {upstream.name for upstream in options.upstreams}
    for index, upstream in enumerate(options.upstreams):
        if upstream.name in concurrency:
            raise OptionError(
                f"there is both an upstream and a service named {upstream.name!r}",
                path=("gateway", "upstreams", index, "name"),
                hint="give the one in [[gateway.upstreams]] another name",
            )
    for route, name in options.routes.items():
        if name not in names | concurrency.keys():
            raise OptionError(
                f"the route {route!r} leads to {name!r}, and there is no such upstream",
                path=("gateway", "routes", route),
                hint=f"the upstreams are: {', '.join(sorted(names | concurrency.keys()))}",
            )
    # More CPUs than that are for those behind it.
    workers = section.workers or min(processes(0), MOST_GATEWAYS)
    return {
        **_hosting(section),
        "name": "gateway",
        "target": GATEWAY_TARGET,
        "workers": workers,
        # Every process listens there: nobody else should.
        "reserved": [options.metrics] if options.metrics else [],
        "options": msgspec.to_builtins(options),
        "routed": False,
        "gateway": True,
        "server_options": (SPREAD if workers > 1 else {}) | section.server_options,
    }


def _compute(section: ComputeSection) -> dict[str, Any]:
    made = _built_in("compute", COMPUTE_TARGET, section, ComputeConfig)
    # Several workers share the CPUs: each gets its part of the threads, not all of them.
    made["options"]["threads"] = section.threads or max(
        1, section.resolved_threads() // made["workers"]
    )
    return made


def _executor(section: ExecutorSection) -> dict[str, Any]:
    if section.bind and not _is_loopback("executor", section.bind) and not section.expose:
        raise OptionError(
            f"[executor] would listen on {section.bind}, where anyone could run programs",
            path=("executor", "bind"),
            hint="set expose = true in [executor] if that is what you want",
            reason="NOT_EXPOSED",
        )
    return _built_in("executor", EXECUTOR_TARGET, section, ExecutorConfig)


def _own(name: str, section: ServiceSection) -> dict[str, Any]:
    return {
        **_hosting(section),
        "name": name,
        "target": section.target,
        "options": section.options,
        "preload": section.preload,
        "scaled_by_signal": True,
        "import_from_cwd": True,
    }


def _built_in(
    name: str,
    target: str,
    section: ComputeSection | ExecutorSection,
    options: type[msgspec.Struct],
) -> dict[str, Any]:
    return {
        **_hosting(section),
        "name": name,
        "target": target,
        "options": {field: getattr(section, field) for field in options.__struct_fields__},
    }


def _hints(config: Config) -> list[str]:
    """Lines to try."""
    lines: list[str] = []
    if config.gateway.enabled:
        lines += HINTS["gateway"]
        lines += HINTS["compute"] if config.compute.enabled else []
        # A line to try that is refused would be a poor welcome.
        open_to_all = config.executor.enabled and "executor" not in _withheld(config)
        lines += HINTS["executor"] if open_to_all else []
    else:
        bound = (name for name, section in config.services.items() if section.bind)
        lines += [f"grpcurl -plaintext ${name.replace('-', '_')} list" for name in bound]
    return ["", "Try:", *(f"  {line}" for line in lines)] if lines else []


def _concurrency(config: Config) -> dict[str, int]:
    """Of each service that there is."""
    built_in: dict[str, ComputeSection | ExecutorSection]
    built_in = {"compute": config.compute, "executor": config.executor}
    found = {name: each.concurrency for name, each in built_in.items() if each.enabled}
    return found | {name: each.concurrency for name, each in config.services.items()}


def _withheld(config: Config) -> dict[str, str]:
    # Programs for anyone who can reach the port: only when somebody has said so.
    executor = config.executor
    if not executor.enabled or executor.expose or _is_loopback("gateway", config.gateway.bind):
        return {}
    return {"executor": "set expose = true in [executor] to serve it beyond this machine"}


def _is_loopback(section: str, bind: str) -> bool:
    try:
        return Bind.parse(bind).is_loopback
    except ValueError as error:
        raise OptionError(str(error), path=(section, "bind")) from error
