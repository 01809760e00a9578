"""`tercet workers` of one mesh, and of several."""

from __future__ import annotations

import json
import os
import re
import time
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
        monkeypatch.setattr(workers, "directory_of", lambda name: f"/srv/{name}")

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
    assert [(row[0], row[1], row[8]) for row in cells] == [
        ("greeter", "0", "127.0.0.1:50060"),
        ("greeter", "1", "127.0.0.1:50060"),
    ]


def test_several_meshes_are_listed_to_choose_from(tercet: Tercet, mesh: Start) -> None:
    mesh(11, gateway="127.0.0.1:50050")
    mesh(12, greeter="")
    ran = tercet("workers")
    assert ran.code == 2
    assert sorted(ran.out.splitlines()) == [
        "11\tgateway\t2\t127.0.0.1:50050\t/srv/11",
        "12\tgreeter\t2\t-\t/srv/12",
    ]
    first, hint = ran.err.splitlines()
    assert first.startswith("tercet: several meshes run: 1")
    assert hint.startswith("hint: choose one, as in `tercet workers --mesh 1")
    assert tercet("workers", "--mesh", "12").code == 0


def test_the_advice_is_the_command_in_use(tercet: Tercet, mesh: Start) -> None:
    mesh(11, greeter="")
    mesh(12, greeter="")
    for command in ("reload", "scale greeter 3", "top --once", "drain unix:/a", "recycle"):
        ran = tercet(*command.split())
        assert ran.code == 2
        advice = re.escape(f"hint: choose one, as in `tercet {command} --mesh ")
        assert re.search(f"^{advice}1[12]`", ran.err, re.MULTILINE)
    ran = tercet("reload", "--mesh", "13")
    assert ran.code == 69
    assert re.search("^hint: these do: (11, 12|12, 11);", ran.err, re.MULTILINE)


def test_the_directory_of_a_mesh_is_that_of_its_supervisor() -> None:
    assert workers.directory_of(str(os.getpid())) == os.getcwd()
    assert workers.directory_of("nobody") == ""


def test_several_meshes_as_json(tercet: Tercet, mesh: Start) -> None:
    mesh(11, gateway="127.0.0.1:50050")
    mesh(12, greeter="")
    ran = tercet("workers", "--json")
    assert ran.code == 2
    assert sorted(json.loads(ran.out), key=lambda found: str(found["mesh"])) == [
        {
            "mesh": "11",
            "directory": "/srv/11",
            "services": [{"service": "gateway", "bind": "127.0.0.1:50050", "workers": 2}],
        },
        {
            "mesh": "12",
            "directory": "/srv/12",
            "services": [{"service": "greeter", "bind": "", "workers": 2}],
        },
    ]


def test_a_mesh_that_does_not_answer_hides_no_other(
    tercet: Tercet, mesh: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "SEVERAL_DEADLINE", 0.1)
    mesh(11)
    mesh(12, greeter="")
    ran = tercet("workers")
    assert ran.code == 2
    assert sorted(ran.out.splitlines()) == ["11\t-\t-\t-\t/srv/11", "12\tgreeter\t2\t-\t/srv/12"]


def test_an_address_is_whole_on_a_narrow_terminal(mesh: Start) -> None:
    mesh(11, greeter=ADDRESS)
    code, shown = on_terminal("workers", columns=80)
    assert code == 0
    assert shown.count(ADDRESS) == 2


def test_a_crash_loop_shows_its_cause_and_its_next_try(
    tercet: Tercet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with meshes() as (base, started):
        monkeypatch.setenv("TERCET_RUNTIME_DIR", base)
        waits = cluster_pb2.Worker(
            service="shop",
            slot=1,
            generation=7,
            revision=3,
            state=cluster_pb2.WORKER_STATE_GONE,
            restarts=6,
            last_exit="exited with 1: no such table: items",
        )
        waits.retry.FromNanoseconds(int((time.time() + 30) * 1e9))
        old, new = (
            cluster_pb2.Worker(
                service="shop", revision=n, generation=n, pid=n, state=n, address=f"unix:/{n}"
            )
            for n in (3, 2)
        )
        started.start(11, old, new, waits)
        cells = [line.split("\t") for line in tercet("workers").out.splitlines()]
        assert [row[:6] for row in cells[:2]] == [
            ["shop", "0", "3", "draining", "3", "3"],
            ["shop", "0", "2", "ready", "2", "2"],
        ]
        assert re.fullmatch(r"retry in (30|2\d) s", cells[2][3])
        assert cells[2][-1] == "exited with 1: no such table: items"
        shown = json.loads(tercet("workers", "--json").out)
        assert [(each["state"], each["revision"]) for each in shown] == [
            ("draining", 3),
            ("ready", 2),
            ("gone", 3),
        ]
        assert [bool(each["retry"]) for each in shown] == [False, False, True]


def test_a_failed_reload_is_told(tercet: Tercet, monkeypatch: pytest.MonkeyPatch) -> None:
    with meshes() as (base, started):
        monkeypatch.setenv("TERCET_RUNTIME_DIR", base)
        control = started.start(11, cluster_pb2.Worker(service="shop", pid=1))
        control.described.reload_error = "tercet.toml:3: queue is -1\nhint: raise it"
        ran = tercet("workers")
        assert (ran.code, ran.err) == (
            0,
            "tercet: the last reload has failed: tercet.toml:3: queue is -1\nhint: raise it\n",
        )
