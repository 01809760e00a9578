"""A worker that dies again and again: backed off, told, and no burden to the others."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from tests.integration.conftest import Start
from tests.integration.greeting import channel, greet_many

DIES = """
import os, threading
from examples.greeter import register as greeter

def register(server):
    greeter(server)
    threading.Timer(0.05, os._exit, [3]).start()
"""

NEVER_READY = """
import asyncio

async def register(server):
    await asyncio.Event().wait()
"""

CONFIG = """
[gateway]
bind = "127.0.0.1:0"
[compute]
enabled = false
[executor]
enabled = false
[services.good]
target = "examples.greeter:register"
workers = 1
[services.bad]
target = "bad:register"
workers = 1
[cluster]
boot_timeout = {boot_timeout}
"""


async def test_it_is_backed_off_while_the_rest_serves(start: Start, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(DIES)
    config = tmp_path / "tercet.toml"
    config.write_text(CONFIG.format(boot_timeout=60))
    mesh = start("up", "--config", str(config), environ={"PYTHONPATH": str(tmp_path)})
    mesh.wait(lambda: sum("bad/0 exited with 3" in line for line in mesh.stderr) >= 4, within=60)
    delays = [
        float(match[1])
        for line in mesh.stderr
        if (match := re.search(r"bad/0 .*restarting in ([\d.]+) s", line))
    ]
    # Doubling from 0.1 s, with at most a quarter less, printed with one digit.
    for delay, expected in zip(delays, [0.1, 0.2, 0.4, 0.8], strict=False):
        assert 0.75 * expected - 0.05 <= delay <= expected + 0.05
    mesh.wait(lambda: mesh.worker("good")["state"] == "ready")
    bad = mesh.worker("bad")
    assert bad["last_exit"] == "exited with 3"
    assert bad["restarts"] >= 3
    good = mesh.worker("good")
    async with channel(good["address"]) as to:
        assert not (await greet_many(to, 50)).failures


def test_one_that_is_never_ready_is_killed_and_tried_again(start: Start, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(NEVER_READY)
    config = tmp_path / "tercet.toml"
    config.write_text(CONFIG.format(boot_timeout=1.5))
    mesh = start("up", "--config", str(config), environ={"PYTHONPATH": str(tmp_path)})
    mesh.wait(lambda: any("bad/0 killed by SIGKILL" in line for line in mesh.stderr))
    assert "is not ready after 1.5 s" in mesh.output()


def test_a_worker_that_cannot_start_again_does_not_end_a_running_mesh(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "bad.py").write_text("from examples.greeter import register\n")
    config = tmp_path / "tercet.toml"
    config.write_text(CONFIG.format(boot_timeout=60))
    mesh = start("up", "--config", str(config), environ={"PYTHONPATH": str(tmp_path)}).wait_ready()
    # The new code is broken; the old worker dies.
    (tmp_path / "bad.py").write_text("raise RuntimeError('broken')\n")
    os.kill(mesh.worker("bad")["pid"], signal.SIGKILL)
    mesh.wait(lambda: mesh.worker("bad")["last_exit"].startswith("exited with 78"))
    assert mesh.worker("good")["state"] == "ready"
    # Mended: the backoff finds it.
    (tmp_path / "bad.py").write_text("from examples.greeter import register\n")
    mesh.wait(lambda: mesh.worker("bad")["state"] == "ready")
