"""There is nothing in the supervisor that could fail: one thread, no grpc, few descriptors."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tercet.cluster import region as layout
from tests.integration.meshes import Mesh


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def mapped(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_one_thread_and_no_grpc_even_after_restarts(greeters: Mesh) -> None:
    before = descriptors(greeters.pid)
    for generation in (2, 3):
        os.kill(greeters.worker("greeter")["pid"], signal.SIGKILL)
        greeters.wait(
            lambda wanted=generation: (  # type: ignore[misc]
                greeters.worker("greeter")["generation"] == wanted
                and greeters.worker("greeter")["state"] == "ready"
            )
        )
    assert threads(greeters.pid) == 1
    for foreign in ("cygrpc", "uvloop", "numpy"):
        assert foreign not in mapped(greeters.pid)
    assert "cygrpc" in mapped(greeters.worker("greeter")["pid"])
    assert descriptors(greeters.pid) == before


def test_workers_inherit_their_link_and_nothing_else(greeters: Mesh) -> None:
    # What the supervisor holds open for itself must not be in a worker: each link has exactly
    # two ends, so one worker's death is seen at once, and the runtime directory's lock is not
    # kept by an orphan.
    lock = str(greeters.folder / "lock")
    for worker in greeters.workers():
        folder = Path(f"/proc/{worker['pid']}/fd")
        targets = _targets(folder)
        assert lock not in targets
        assert not any("memfd:tercet-spec" in target for target in targets)
        assert targets.count("/dev/null") >= 1
        # What gateways share is theirs alone.
        shared = any("memfd:tercet-region" in target for target in targets)
        assert shared == (worker["service"] == "gateway")


def test_what_a_dead_gateway_counted_is_forgotten(greeters: Mesh) -> None:
    gateway = greeters.worker("gateway")
    with _region(greeters.pid)[0].open("r+b", buffering=0) as memory:
        memory.seek(layout.ROWS + layout.ROW - 8)
        memory.write(b"12345678")
        os.kill(gateway["pid"], signal.SIGKILL)

        def is_zero() -> bool:
            memory.seek(layout.ROWS)
            return not any(memory.read(layout.ROW))

        greeters.wait(is_zero)
    greeters.wait(lambda: greeters.worker("gateway")["state"] == "ready")


def test_programs_of_a_gateway_would_not_inherit_what_it_shares(greeters: Mesh) -> None:
    pid = greeters.worker("gateway")["pid"]
    for descriptor in _region(pid):
        info = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text()
        flags = next(line.split()[1] for line in info.splitlines() if line.startswith("flags:"))
        assert int(flags, 8) & os.O_CLOEXEC


def _region(pid: int) -> list[Path]:
    """The descriptors of the memory that a process has."""
    folder = Path(f"/proc/{pid}/fd")
    return [fd for fd in folder.iterdir() if "memfd:tercet-region" in _target(fd)]


def _targets(folder: Path) -> list[str]:
    return [_target(entry) for entry in folder.iterdir()]


def _target(descriptor: Path) -> str:
    """What it leads to; "" if it is closed by now."""
    try:
        return os.readlink(descriptor)
    except FileNotFoundError:
        return ""


def test_sockets_are_private(greeters: Mesh) -> None:
    assert greeters.folder.stat().st_mode & 0o777 == 0o700
    sockets = list(greeters.folder.glob("*.sock"))
    # Control process, two greeters, and the gateway with its admin service.
    assert len(sockets) == 5
    for each in sockets:
        assert each.stat().st_mode & 0o777 == 0o600, each
