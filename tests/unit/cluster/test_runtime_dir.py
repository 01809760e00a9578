"""The directory of a mesh: private, found again, and cleaned up."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tercet.cluster import runtime_dir
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.errors import ConfigError


def test_it_is_private_and_goes_away(tmp_path: Path) -> None:
    parent = tmp_path / "a" / "b"
    made = RuntimeDir(parent)
    assert stat.S_IMODE(parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    assert runtime_dir.meshes(parent) == [made.path]
    made.close()
    assert list(parent.iterdir()) == []


def test_the_users_mask_does_not_take_our_own_access_away(tmp_path: Path) -> None:
    mask = os.umask(0o777)
    try:
        made = RuntimeDir(tmp_path / "a")
        # What the user has set is for the workers: their files are the user's.
        assert os.umask(0o777) == 0o777
    finally:
        os.umask(mask)
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((made.path / "lock").stat().st_mode) == 0o600
    made.close()


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o710])
def test_a_base_that_others_may_enter_is_refused(mode: int, tmp_path: Path) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(ConfigError, match="mode 0700"):
        RuntimeDir(tmp_path)


def test_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigError, match="mode 0700"):
        RuntimeDir(tmp_path / "link")


def test_a_base_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="set TERCET_RUNTIME_DIR"):
        RuntimeDir(tmp_path / "file" / "x")


def test_what_killed_supervisors_left_is_removed_and_the_living_stay(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from tercet.cluster.runtime_dir import RuntimeDir;"
        "print(RuntimeDir(pathlib.Path(sys.argv[1])).path, flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as living:
        assert living.stdout
        other = Path(living.stdout.readline().strip())
        (tmp_path / "4194305").mkdir()
        (tmp_path / "4194305" / "lock").touch()
        mine = RuntimeDir(tmp_path)
        assert set(runtime_dir.meshes(tmp_path)) == {other, mine.path}
        assert not (tmp_path / "4194305").exists()
        living.kill()
        living.wait()
        assert runtime_dir.meshes(tmp_path) == [mine.path]
        mine.close()


def test_one_that_ends_while_we_look_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = RuntimeDir(tmp_path)
    locked = runtime_dir._locked

    def ends_now(path: Path) -> bool:
        found = locked(path)
        made.close()
        return found

    monkeypatch.setattr(runtime_dir, "_locked", ends_now)
    assert runtime_dir.meshes(tmp_path) == []


def test_no_socket_path_is_used_twice_nor_too_long(tmp_path: Path) -> None:
    made = RuntimeDir(tmp_path)
    assert made.socket("a", 0, 1) != made.socket("a", 0, 2) != made.socket("a", 1, 2)
    with pytest.raises(ConfigError, match="shorter directory"):
        made.socket("a" * 120, 0, 1)
    made.close()


def test_the_last_orphan_to_leave_removes_the_directory(tmp_path: Path) -> None:
    folder = tmp_path / str(os.getpid())
    folder.mkdir()
    for name in ("lock", "control.sock", "a.0.1.sock", "a.1.1.sock"):
        (folder / name).touch()
    (folder / "a.0.1.sock").unlink()
    runtime_dir.leave(folder)
    assert folder.exists()
    (folder / "a.1.1.sock").unlink()
    runtime_dir.leave(folder)
    assert not folder.exists()


def test_the_default_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERCET_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert runtime_dir.base() == Path(f"/tmp/tercet-{os.getuid()}")
    monkeypatch.setenv("TERCET_RUNTIME_DIR", "/x")
    assert runtime_dir.base() == Path("/x")


def test_a_workers_further_sockets_go_with_its_own(tmp_path: Path) -> None:
    own = f"unix:{tmp_path}/a.0.1.sock"
    further = runtime_dir.beside(own, "admin")
    assert further == f"unix:{tmp_path}/a.0.1.admin.sock"
    stays = {"a.0.11.sock", "a.0.11.admin.sock", "aa.0.1.admin.sock", "lock"}
    for name in {"a.0.1.sock", "a.0.1.admin.sock"} | stays:
        (tmp_path / name).touch()
    runtime_dir.remove_sockets(own)
    assert {path.name for path in tmp_path.iterdir()} == stays
    runtime_dir.remove_sockets(own)


def test_a_worker_that_has_lost_its_link_takes_nothing_from_a_mesh_that_lives(
    tmp_path: Path,
) -> None:
    made = RuntimeDir(tmp_path)
    control = made.path / "control.sock"
    control.touch()
    runtime_dir.leave(made.path)
    assert control.exists()
    assert runtime_dir.meshes(tmp_path) == [made.path]
    # As the kernel does it when the supervisor is killed.
    for each in made._locks:
        os.close(each)
    runtime_dir.leave(made.path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["lock", "directory", "base"])
def test_it_is_made_anew_where_somebody_has_removed_it(what: str, tmp_path: Path) -> None:
    base = tmp_path / "base"
    made = RuntimeDir(base)
    if what == "lock":
        (made.path / "lock").unlink()
    else:
        shutil.rmtree(made.path if what == "directory" else base)
    assert runtime_dir.meshes(base) == []
    made.restore()
    assert runtime_dir.meshes(base) == [made.path]
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    made.close()
    assert list(base.iterdir()) == []


def test_nobody_ages_it_while_its_supervisor_lives(tmp_path: Path) -> None:
    made = RuntimeDir(tmp_path)
    # As systemd-tmpfiles looks.
    directory = os.open(made.path, os.O_RDONLY | os.O_DIRECTORY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(directory)
    made.close()
