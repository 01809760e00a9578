"""What is refused before anything is started, and what a mesh is told by whom."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.conformance.wire.frames import PREFACE, SETTINGS, Frame
from tests.integration.conftest import Start
from tests.integration.meshes import ROOT, Mesh, run

BARE = ["--set", "compute.enabled=false", "--set", "executor.enabled=false"]
GREETER = '[services.greeter]\ntarget = "examples.greeter:register"\nworkers = 1\n'


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        # A polite stranger: without our check it would share its connections with us.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def refused(tmp_path: Path, *arguments: str, environ: dict[str, str] | None = None) -> str:
    """Runs `tercet` and expects it to end with 78 before anything was started."""
    runtime = tmp_path / "run"
    environ = {"TERCET_RUNTIME_DIR": str(runtime)} | (environ or {})
    ended = run(*arguments, environ=environ, cwd=tmp_path)
    assert ended.returncode == 78, ended.stderr
    assert ended.stderr.startswith("tercet: ")
    assert "Traceback" not in ended.stderr
    if runtime.exists():
        assert list(runtime.iterdir()) == []
    return str(ended.stderr)


def test_a_port_in_use(busy_port: int, tmp_path: Path) -> None:
    said = refused(tmp_path, "up", "--gateway", f"127.0.0.1:{busy_port}")
    assert f"cannot bind 127.0.0.1:{busy_port}: Address already in use" in said
    assert "choose another port" in said


def test_a_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path, "up", "--config", "missing.toml")
    (tmp_path / "folder.toml").mkdir()
    assert "Is a directory" in refused(tmp_path, "up", "--config", "folder.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    assert "not TOML" in refused(tmp_path, "up", "--config", "bad.toml")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[gateway\n", "at line 1"),
        ("[gatewy]\n", "tercet.toml:1: the configuration has no 'gatewy'"),
        ("[gateway]\nprot = 1\n", "tercet.toml:2: [gateway] has no 'prot'"),
        ("[gateway]\nworkers = -1\n", "workers"),
        ("[compute]\nthreads = 'many'\n", "tercet.toml:2: threads of compute is wrong"),
        ("[executor]\nmax_programs = 0\n", "max_programs"),
        ("[services.a]\n", "tercet.toml:1: target of services.a is missing"),
        ("[services.a]\ntarget = 'nonsense'\n", "no target"),
        ("[services.gateway]\ntarget = 'a:b'\n", "two services named 'gateway'"),
        ("[services.Bad_Name]\ntarget = 'a:b'\n", "no name for a service"),
        ("[executor]\nbind = '0.0.0.0:0'\n", "set expose = true"),
        ("[gateway]\nbind = 'example.org:1'\n", "no address to bind"),
    ],
)
def test_a_wrong_configuration_names_the_place(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "tercet.toml").write_text(text)
    assert complaint in refused(tmp_path, "up")


def test_a_misspelt_variable_is_noticed(tmp_path: Path) -> None:
    said = refused(tmp_path, "up", environ={"TERCET_GATEWY_BIND": "x"})
    assert "TERCET_GATEWY_BIND" in said


def test_a_runtime_directory_that_is_too_deep(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    said = refused(
        tmp_path, "up", "--gateway", "127.0.0.1:0", environ={"TERCET_RUNTIME_DIR": str(deep)}
    )
    assert "shorter directory" in said


def test_flags_win_over_variables_and_those_over_the_file(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "tercet.toml"
    config.write_text(
        '[gateway]\nbind = "127.0.0.1:1"\nworkers = 1\n' + GREETER + "[cluster]\ngrace = 3.0\n"
    )
    mesh = start(
        *("up", "--config", str(config), "--gateway", "127.0.0.1:0", *BARE),
        environ={
            "TERCET_GATEWAY_BIND": "127.0.0.1:2",
            "TERCET_GATEWAY_WORKERS": "2",
            "TERCET_SERVICES_GREETER_WORKERS": "3",
        },
    ).wait_ready()
    assert not mesh.gateway.endswith((":1", ":2"))
    assert len(mesh.workers("gateway")) == 2
    assert len(mesh.workers("greeter")) == 3


def test_a_mesh_does_not_become_another_when_its_file_is_gone(start: Start, tmp_path: Path) -> None:
    """Not by a reload and not by an upgrade; with the file it goes on as before."""
    config = tmp_path / "tercet.toml"
    config.write_text('[gateway]\nbind = "127.0.0.1:0"\n' + GREETER + "[cluster]\ngrace = 3.0\n")
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    # Found in the directory: a file that was named could not be missed without a word.
    mesh = start("up", *BARE, environ={"PYTHONPATH": path}, cwd=tmp_path).wait_ready()
    origin = mesh.worker("greeter")["pid"]
    environ = {"TERCET_RUNTIME_DIR": str(mesh.runtime_dir)}
    away = config.rename(tmp_path / "away.toml")
    failed = run("reload", environ=environ)
    assert failed.returncode == 1
    assert str(config) in failed.stderr
    mesh.signal(signal.SIGUSR2)
    mesh.wait(lambda: "upgrade has failed" in mesh.output())
    assert mesh.worker("greeter")["pid"] == origin
    away.rename(config)
    assert run("reload", environ=environ).returncode == 0
    assert mesh.worker("greeter")["pid"] != origin


def test_options_reach_the_servers(start: Start) -> None:
    """A client that pings twice in a row is sent away by the gateway, once we have said so."""
    mesh = start(
        *("serve", "examples.greeter:register", "--workers", "1", "--bind", "127.0.0.1:0"),
        *("--gateway", "127.0.0.1:0", "--engine", "native"),
        *("--server-option", "tercet.max_glitches=0", "--server-option", "tercet.max_resets=7"),
    ).wait_ready()
    host, _, port = mesh.gateway.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(PREFACE + Frame(SETTINGS, 0, 0, b"").encode())
        client.sendall(Frame(0xBB, 0, 0, b"unknown").encode())
        said = b""
        while came := client.recv(65536):
            said += came
    assert b"unknown_frames" in said


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("tercet.max_reset=7", "there is no server option 'tercet.max_reset'"),
        ("tercet.max_resets=-5", "the option 'tercet.max_resets' must be -1 to"),
    ],
)
def test_an_option_that_no_server_has(option: str, complaint: str, tmp_path: Path) -> None:
    said = run(
        *("serve", "examples.greeter:register", "--bind", "127.0.0.1:0", "--engine", "native"),
        *("--server-option", option),
        environ={"TERCET_RUNTIME_DIR": str(tmp_path / "run")},
    )
    assert said.returncode == 78
    assert complaint in said.stderr
    assert "Traceback" not in said.stderr


def test_several_meshes_live_side_by_side(start: Start) -> None:
    first, second = (
        start("serve", "examples.greeter:register", "--workers", "1", "--bind", "127.0.0.1:0")
        for _ in range(2)
    )
    first.wait_ready()
    second.wait_ready()
    # Each has its own directory in this test; shared, they are told apart by pid.
    os.symlink(second.folder, first.runtime_dir / str(second.pid))
    environ = {"TERCET_RUNTIME_DIR": str(first.runtime_dir)}
    several = run("workers", environ=environ)
    assert several.returncode == 2
    assert str(first.pid) in several.stderr
    assert str(second.pid) in several.stderr
    chosen = run("workers", "--mesh", str(second.pid), environ=environ)
    assert chosen.returncode == 0
    assert str(second.worker("greeter")["pid"]) in chosen.stdout
    (first.runtime_dir / str(second.pid)).unlink()


def test_without_a_mesh_workers_says_so(tmp_path: Path) -> None:
    ended = run("workers", environ={"TERCET_RUNTIME_DIR": str(tmp_path)})
    assert ended.returncode == 69
    assert "no mesh" in ended.stderr
    assert "tercet up" in ended.stderr


class TestExposure:
    """Beyond loopback the executor is routed only if the configuration says so."""

    @staticmethod
    def list_programs(mesh: Mesh) -> bytes:
        port = mesh.gateway.rpartition(":")[2]
        with grpc.insecure_channel(f"127.0.0.1:{port}") as to:
            answer: bytes = to.unary_unary("/tercet.executor.v1.Executor/ListPrograms")(b"")
            return answer

    def test_not_by_default(self, start: Start) -> None:
        mesh = start("up", "--gateway", "0.0.0.0:0", "--set", "compute.enabled=false")
        mesh.wait_ready()
        with pytest.raises(grpc.RpcError) as caught:
            self.list_programs(mesh)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "set expose = true in [executor]" in caught.value.details()

    def test_when_it_is_said(self, start: Start) -> None:
        mesh = start(
            *("up", "--gateway", "[::]:0", "--set", "compute.enabled=false"),
            *("--set", "executor.expose=true"),
        )
        assert b"ffmpeg" in self.list_programs(mesh.wait_ready())
