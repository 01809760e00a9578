"""The seam: whatever engine, the server is a grpc.aio.Server that knows its services."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest

from examples.greeter import Greeter
from examples.greeter.v1 import greeter_pb2_grpc
from tercet import rpc
from tercet.errors import ConfigError
from tercet.rpc.health import Health


async def test_it_is_a_grpc_aio_server(engine: str) -> None:
    assert isinstance(rpc.server(engine=engine), grpc.aio.Server)


async def test_it_knows_what_is_registered(engine: str) -> None:
    server = rpc.server(engine=engine)
    greeter_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
    Health().add_to(server)
    assert server.service_names == ("examples.greeter.v1.Greeter", "grpc.health.v1.Health")


async def test_handlers_given_at_construction_are_known_too(engine: str) -> None:
    handler = grpc.method_handlers_generic_handler("a.B", {})
    assert rpc.server(engine=engine, handlers=[handler]).service_names == ("a.B",)


async def test_a_catch_all_has_no_name(engine: str) -> None:
    class CatchAll(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
            return None

    server = rpc.server(engine=engine)
    server.add_generic_rpc_handlers(iter([CatchAll()]))
    assert server.service_names == ()


def test_the_names_of_the_engines_are_known_without_them() -> None:
    assert set(rpc.ENGINE_NAMES) == set(rpc.ENGINES)


async def test_a_server_knows_whether_anything_is_registered(engine: str) -> None:
    server = rpc.server(engine=engine)
    assert server.is_empty
    Health().add_to(server)
    assert not server.is_empty


async def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="the engines are: grpcio, native"):
        rpc.server(engine="steam")


@pytest.mark.parametrize("name", ["grpcio", "native"])
async def test_the_environment_chooses_where_the_code_does_not(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERCET_ENGINE", name)
    chosen = type(rpc.server())
    assert chosen is type(rpc.server(engine=name))
    other = ({"grpcio", "native"} - {name}).pop()
    assert type(rpc.server(engine=other)) is not chosen
    monkeypatch.delenv("TERCET_ENGINE")
    assert type(rpc.server()) is type(rpc.server(engine=rpc.DEFAULT_ENGINE))
