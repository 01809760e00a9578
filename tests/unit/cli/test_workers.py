"""`tercet workers` of one mesh, and of several."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tercet.cli import workers
from tercet.cluster.v1 import cluster_pb2
from tests.unit.cli.conftest import Tercet, on_terminal
from tests.unit.cli.meshes import meshes

# Longer than a terminal of 80 columns has room for beside the other cells.
ADDRESS = "unix:/run/user/1000/tercet/4711/a-service-of-a-long-name.0.1.sock"

Start = Callable[..., None]


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a mesh of services, by name their address; without any it does not answer."""
    with meshes() as (base, started):
        monkeypatch.setenv("TERCET_RUNTIME_DIR", base)

        def start(pid: int, **services: str) -> None:
            workers = [
                cluster_pb2.Worker(
                    service=name, slot=slot, pid=1, state=cluster_pb2.WORKER_STATE_READY, bind=bind
                )
                for name, bind in services.items()
                for slot in range(2)
            ]
            started.start(pid, *workers)

        yield start


def test_one_mesh_lists_its_workers(tercet: Tercet, mesh: Start) -> None:
    mesh(11, greeter="127.0.0.1:50060")
    ran = tercet("workers")
    assert (ran.code, ran.err) == (0, "")
    cells = [line.split("\t") for line in ran.out.splitlines()]
    assert [(row[0], row[1], row[7]) for row in cells] == [
        ("greeter", "0", "127.0.0.1:50060"),
        ("greeter", "1", "127.0.0.1:50060"),
    ]


def test_several_meshes_are_listed_to_choose_from(tercet: Tercet, mesh: Start) -> None:
    mesh(11, gateway="127.0.0.1:50050")
    mesh(12, greeter="")
    ran = tercet("workers")
    assert ran.code == 2
    assert sorted(ran.out.splitlines()) == ["11\tgateway\t2\t127.0.0.1:50050", "12\tgreeter\t2\t-"]
    first, hint = ran.err.splitlines()
    assert first.startswith("tercet: several meshes run: 1")
    assert hint.startswith("hint: choose one, as in `tercet workers --mesh 1")
    assert tercet("workers", "--mesh", "12").code == 0


def test_several_meshes_as_json(tercet: Tercet, mesh: Start) -> None:
    mesh(11, gateway="127.0.0.1:50050")
    mesh(12, greeter="")
    ran = tercet("workers", "--json")
    assert ran.code == 2
    assert sorted(json.loads(ran.out), key=lambda found: str(found["mesh"])) == [
        {
            "mesh": "11",
            "services": [{"service": "gateway", "bind": "127.0.0.1:50050", "workers": 2}],
        },
        {"mesh": "12", "services": [{"service": "greeter", "bind": "", "workers": 2}]},
    ]


def test_a_mesh_that_does_not_answer_hides_no_other(
    tercet: Tercet, mesh: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "SEVERAL_DEADLINE", 0.1)
    mesh(11)
    mesh(12, greeter="")
    ran = tercet("workers")
    assert ran.code == 2
    assert sorted(ran.out.splitlines()) == ["11\t-\t-\t-", "12\tgreeter\t2\t-"]


def test_an_address_is_whole_on_a_narrow_terminal(mesh: Start) -> None:
    mesh(11, greeter=ADDRESS)
    code, shown = on_terminal("workers", columns=80)
    assert code == 0
    assert shown.count(ADDRESS) == 2
