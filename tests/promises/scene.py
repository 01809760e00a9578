"""The meshes of these tests: a plain service, and the built-in ones; each behind two gateways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from tests.integration.meshes import Mesh
from tests.promises.form import CALLERS, DIRECT, DIRECT_FRESH, FRESH
from tests.promises.load import Group

GATEWAYS = 2
# By suite: the services that the calls are for.
SERVICES = {"plain": ["greeter"], "built-in": ["compute", "executor"]}

PLAIN = """
[gateway]
bind = "{binds[gateway]}"
workers = 2
[compute]
enabled = false
[executor]
enabled = false
[services.greeter]
target = "{target}"
workers = {workers}
bind = "{binds[greeter]}"
{service}
[cluster]
grace = 10
{cluster}
"""
BUILT_IN = """
[gateway]
bind = "{binds[gateway]}"
workers = 2
[compute]
workers = {workers}
threads = 1
bind = "{binds[compute]}"
{service}
[executor]
workers = {workers}
media_root = "{folder}"
{service}
[cluster]
grace = 10
{cluster}
"""
TEXTS = {"plain": PLAIN, "built-in": BUILT_IN}


def configuration(
    suite: str,
    folder: Path,
    *,
    workers: int = 2,
    target: str = "tests.promises.servicer:register",
    binds: Mapping[str, str] = {},
    service: str = "",
    cluster: str = "",
) -> Path:
    """Writes it there.

    Args:
        workers: Of each service.
        target: Of the plain service.
        binds: "host:port" of some of them; the others take a free port.
        service: Further lines for each service.
        cluster: And for the cluster.
    """
    path = folder / "tercet.toml"
    path.write_text(
        TEXTS[suite].format(
            folder=folder,
            workers=workers,
            target=target,
            service=service,
            cluster=cluster,
            binds=defaultdict(lambda: "127.0.0.1:0", binds),
        )
    )
    return path


def through(mesh: Mesh, suite: str) -> Group:
    """Callers through the gateways."""
    return Group(
        name="gateway", address=mesh.gateway, suite=suite, channels=CALLERS - FRESH, fresh=FRESH
    )


def past(mesh: Mesh, suite: str) -> Group:
    """Callers of the workers themselves, of the first service."""
    service = SERVICES[suite][0]
    return Group(
        name="direct",
        address=mesh.bind_of(service),
        suite=suite if suite == "plain" else service,
        channels=DIRECT,
        fresh=DIRECT_FRESH,
    )
