"""A supervisor that stood still for longer than the hang timeout: its workers do not hang."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.integration.conftest import Start
from tests.integration.greeting import channel, greet_many

HANG_TIMEOUT = 1.0

CONFIG = """
[gateway]
bind = "127.0.0.1:0"
[compute]
enabled = false
[executor]
enabled = false
[services.greeter]
target = "examples.greeter:register"
workers = 2
[cluster]
hang_timeout = {hang_timeout}
"""


async def test_it_kills_nobody_and_goes_on(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "tercet.toml"
    config.write_text(CONFIG.format(hang_timeout=HANG_TIMEOUT))
    mesh = start("up", "--config", str(config)).wait_ready()
    before = {(w["service"], w["slot"]): w["pid"] for w in mesh.workers()}
    for seconds in (HANG_TIMEOUT * 0.7, HANG_TIMEOUT * 3):
        mesh.signal(signal.SIGSTOP)
        async with channel(mesh.gateway) as to:
            # They serve without it.
            assert not (await greet_many(to, 20)).failures
        time.sleep(seconds)  # noqa: ASYNC251
        mesh.signal(signal.SIGCONT)
        # It has looked again when it has replaced one that was killed meanwhile.
        victim = mesh.worker("greeter")["pid"]
        os.kill(victim, signal.SIGKILL)
        mesh.wait(
            lambda victim=victim: all(
                w["state"] == "ready" and w["pid"] != victim for w in mesh.workers("greeter")
            )
        )
        before["greeter", 0] = mesh.worker("greeter")["pid"]
        assert {(w["service"], w["slot"]): w["pid"] for w in mesh.workers()} == before
    assert "hangs" not in mesh.output()
