"""`tercet gateway` before servers that it knows nothing of, and workers that hang behind one."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from examples.greeter.v1 import greeter_pb2
from tests.integration.conftest import Start
from tests.integration.greeting import Tally, channel, greet
from tests.integration.meshes import Mesh, run

GREETER = ("serve", "examples.greeter:register", "--bind", "127.0.0.1:0")


@contextmanager
def stock() -> Iterator[str]:
    """A server of grpc's own, of a.B/Echo, with neither health nor reflection; its address."""
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads)
        echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("a.B", {"Echo": echo}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()


async def refusal(to: grpc.aio.Channel, path: str) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await to.unary_unary(path)(b"", timeout=20)
    return caught.value.code(), caught.value.details() or ""


async def test_several_upstreams_look_like_one_server(start: Start) -> None:
    with stock() as address:
        greeter = start(*GREETER, "--workers", "1").wait_ready().bind_of("greeter")
        gateway = start(
            *("gateway", "--bind", "127.0.0.1:0", "--workers", "2"),
            *("--upstream", f"greeter=dns:///{greeter}", "--upstream", f"stock=ipv4:{address}"),
            *("--route", "a.B=stock"),
        ).wait_ready()
        async with channel(gateway.gateway) as to:
            assert await to.unary_unary("/a.B/Echo")(b"text", timeout=20, wait_for_ready=True)
            # Known by reflection, which takes a moment after the start.
            tally = Tally()
            while not tally.pids:
                await greet(to, tally)
            # It may be there, as far as the gateway knew: so a client tries again.
            assert all(failure.startswith("UNAVAILABLE: ") for failure in tally.failures)
            code = grpc.StatusCode.UNAVAILABLE
            while code is grpc.StatusCode.UNAVAILABLE:
                code, words = await refusal(to, "/c.D/E")
            assert code is grpc.StatusCode.UNIMPLEMENTED
            assert words.startswith("no upstream serves 'c.D'")
            health: Any = health_pb2_grpc.HealthStub(to)
            for service in ("", "a.B", greeter_name()):
                answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING


def greeter_name() -> str:
    return str(greeter_pb2.DESCRIPTOR.services_by_name["Greeter"].full_name)


async def test_one_upstream_takes_every_call(start: Start) -> None:
    with stock() as address:
        gateway = start("gateway", "--bind", "127.0.0.1:0", "--upstream", address).wait_ready()
        async with channel(gateway.gateway) as to:
            assert await to.unary_unary("/a.B/Echo")(b"text", timeout=20) == b"text"
            # It is the server who says so.
            assert await refusal(to, "/c.D/E") == (
                grpc.StatusCode.UNIMPLEMENTED,
                "Method not found!",
            )


async def test_an_upstream_that_comes_late_is_found(start: Start) -> None:
    with stock() as address:
        pass
    gateway = start("gateway", "--bind", "127.0.0.1:0", "--upstream", address).wait_ready()
    async with channel(gateway.gateway) as to:
        code, words = await refusal(to, "/a.B/Echo")
        assert code is grpc.StatusCode.UNAVAILABLE
        assert words.startswith("no worker of 'upstream' is ready")
        server = grpc.aio.server()
        server.add_insecure_port(address)
        await server.start()
        while code is not grpc.StatusCode.UNIMPLEMENTED:
            code, _ = await refusal(to, "/a.B/Echo")
        await server.stop(None)


def states(mesh: Mesh) -> dict[str, str]:
    """The state of each endpoint behind a gateway, by its address."""
    ended = run("upstreams", "--json", environ={"TERCET_RUNTIME_DIR": str(mesh.runtime_dir)})
    assert ended.returncode == 0, ended.stderr
    return {
        endpoint["address"]: endpoint["state"]
        for gateway in json.loads(ended.stdout)
        for upstream in gateway["upstreams"]
        for endpoint in upstream["endpoints"]
    }


async def test_a_worker_that_hangs_gets_no_calls_until_it_goes_on(start: Start) -> None:
    mesh = start(
        *("up", "--gateway", "127.0.0.1:0", "--set", "gateway.health_interval=0.1"),
        *("--set", "gateway.health_timeout=0.5"),
        *("--set", "compute.enabled=false", "--set", "executor.enabled=false"),
        *("--set", "services.greeter.target=examples.greeter:register"),
        *("--set", "services.greeter.workers=2"),
    ).wait_ready()
    hung, other = mesh.workers("greeter")
    mesh.wait(lambda: set(states(mesh).values()) == {"ready"})
    os.kill(hung["pid"], signal.SIGSTOP)
    try:
        mesh.wait(lambda: states(mesh)[hung["address"]] == "unhealthy")
        tally = Tally()
        async with channel(mesh.gateway) as to:
            for _ in range(20):
                await greet(to, tally)
        assert tally == Tally(pids=Counter({other["pid"]: 20}))
    finally:
        os.kill(hung["pid"], signal.SIGCONT)
    mesh.wait(lambda: states(mesh)[hung["address"]] == "ready")
