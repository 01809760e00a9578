"""What SIGUSR1 does to a gateway, and what its ports may not be."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.integration.conftest import Start
from tests.integration.greeting import channel
from tests.integration.meshes import run
from tests.integration.test_gateway_alone import stock
from tests.support import eventually


async def test_sigusr1_opens_the_log_anew_and_ends_nothing(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with stock() as address:
        gateway = start(
            *("gateway", "--bind", "127.0.0.1:0", "--upstream", f"ipv4:{address}"),
            *("--access-log", str(log)),
        ).wait_ready()
        pid = gateway.worker("gateway")["pid"]
        async with channel(gateway.gateway) as to:
            echo = to.unary_unary("/a.B/Echo")
            for number, signaled in enumerate((gateway.signal, lambda each: os.kill(pid, each))):
                log.rename(tmp_path / f"old.{number}")
                signaled(signal.SIGUSR1)
                assert await echo(b"text", timeout=20) == b"text"
                await eventually(lambda: log.exists() and "/a.B/Echo" in log.read_text())
        assert gateway.worker("gateway")["pid"] == pid
        gateway.signal(signal.SIGTERM)
        assert gateway.ended() == 0


def test_metrics_have_a_port_of_their_own() -> None:
    bind = "127.0.0.1:47831"
    done = run("gateway", "--upstream", "ipv4:127.0.0.1:1", "--bind", bind, "--metrics", bind)
    assert done.returncode == 78
    assert f"metrics of gateway is {bind}" in done.stderr
    assert "give each a port of its own" in done.stderr
