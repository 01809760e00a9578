"""The meshes of these tests: a plain service, and the built-in ones; each behind two gateways."""

from __future__ import annotations

from pathlib import Path

from tests.promises.form import CALLERS, DIRECT, DIRECT_FRESH, FRESH
from tests.promises.load import Group

GATEWAYS = 2
# By suite: the services, and how many workers each has.
WORKERS = {"plain": {"greeter": 2}, "built-in": {"compute": 2, "executor": 2}}

PLAIN = """
[gateway]
bind = "127.0.0.1:0"
workers = 2
[compute]
enabled = false
[executor]
enabled = false
[services.greeter]
target = "tests.promises.servicer:register"
workers = 2
bind = "127.0.0.1:0"
{service}
[cluster]
grace = 10
{cluster}
"""
BUILT_IN = """
[gateway]
bind = "127.0.0.1:0"
workers = 2
[compute]
workers = 2
threads = 1
bind = "127.0.0.1:0"
{service}
[executor]
workers = 2
media_root = "{folder}"
{service}
[cluster]
grace = 10
{cluster}
"""
TEXTS = {"plain": PLAIN, "built-in": BUILT_IN}


def configuration(suite: str, folder: Path, *, service: str = "", cluster: str = "") -> Path:
    """Writes it there, with further lines for the services and the cluster."""
    path = folder / "tercet.toml"
    text = TEXTS[suite].format(folder=folder, service=service, cluster=cluster)
    path.write_text(text)
    return path


def through(gateway: str, suite: str) -> Group:
    """Callers through the gateways."""
    return Group(
        name="gateway", address=gateway, suite=suite, channels=CALLERS - FRESH, fresh=FRESH
    )


def past(bind: str, suite: str) -> Group:
    """Callers of the workers themselves."""
    return Group(name="direct", address=bind, suite=suite, channels=DIRECT, fresh=DIRECT_FRESH)
