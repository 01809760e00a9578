"""Workers that are forked: that they are as exec'd ones are, and what becomes of those that fail.

With the real zygote and real workers; this test is their supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc
from tercet.cluster.process import Child
from tercet.cluster.spec import CANNOT_START
from tercet.cluster.worker.guard import ORPHANED
from tercet.cluster.zygote.starter import Zygote
from tests.support import eventually
from tests.unit.cluster.zygote.workers import Worker, private_memory

Preload = Callable[..., Zygote]


async def test_they_share_what_was_imported(preload: Preload, tmp_path: Path) -> None:
    zygote = preload("model = bytearray(b'weight' * (8 << 20))")
    size = 48 << 20
    execed = Worker(Child, tmp_path, 0)
    forked = [Worker(zygote.start, tmp_path, number) for number in (1, 2)]
    for worker in forked:
        assert private_memory(await worker.serving()) < size / 3
    assert private_memory(await execed.serving()) > size
    for worker in (execed, *forked):
        assert await worker.stop() == 0


# Writes down what a worker is like, at a moment when its loop runs.
PORTRAIT = """
import asyncio, json, logging, os, random, signal, sys, threading

def portrait(path):
    status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines())
    json.dump({
        "environment": dict(os.environ),
        "signals": {name: status[name] for name in ("SigIgn", "SigBlk", "SigCgt")},
        "is_session": os.getsid(0) == os.getpid(),
        "parent": os.getppid(),
        "threads": int(status["Threads"]),
        "umask": status["Umask"],
        "directory": os.getcwd(),
        "handlers": [handler.formatter._fmt.partition("/")[0] for handler in logging.root.handlers],
        "level": logging.root.level,
        "loop": type(asyncio.get_running_loop()).__module__,
        "random": random.random(),
    }, open(path, "w"))

# What a module may do at its import.
signal.signal(signal.SIGUSR2, lambda *_: None)
signal.signal(signal.SIGWINCH, signal.SIG_IGN)
logging.basicConfig(format="mine", level=logging.ERROR)
kept = open("/dev/zero", "rb")
import examples.greeter

def register(server, worker):
    examples.greeter.register(server)
    worker.on_drain(lambda: portrait(f"portrait.{worker.spec.slot}"))
"""


async def test_they_are_what_execed_ones_are(
    preload: Preload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    zygote = preload()
    (tmp_path / "shop.py").write_text(PORTRAIT)
    portraits: list[dict[str, Any]] = []
    for number, start in enumerate((Child, zygote.start, zygote.start)):
        worker = Worker(start, tmp_path, number)
        await worker.serving()
        assert await worker.stop() == 0
        portraits.append(json.loads((tmp_path / f"portrait.{number}").read_text()))
    drawn = {portrait.pop("random") for portrait in portraits}
    assert len(drawn) == 3
    execed, *forked = portraits
    assert execed["parent"] == os.getpid() and execed["is_session"]
    assert execed["environment"]["OMP_NUM_THREADS"] == "7"
    assert forked == [execed, execed]


async def test_they_hold_what_execed_ones_hold(preload: Preload, tmp_path: Path) -> None:
    # Numbers that the zygote must leave free.
    zygote = preload("files = [open('/dev/zero') for _ in range(50)]")
    region = os.memfd_create("region")
    event = os.eventfd(0)
    listener = os.dup(event)
    try:
        execed, forked = (
            Worker(start, tmp_path, number, descriptors=(event, region, listener, event))
            for number, start in enumerate((Child, zygote.start))
        )
        held = [_held(await worker.serving()) for worker in (execed, forked)]
        assert held[0][region].startswith("/memfd:region")
        for number in (0, 1, 2, region, event, listener):
            assert held[1][number] == held[0][number]
        assert sorted(held[1].values()) == sorted(held[0].values())
        for worker in (execed, forked):
            assert await worker.stop() == 0
    finally:
        for descriptor in (region, event, listener):
            os.close(descriptor)


def _held(pid: int) -> dict[int, str]:
    """The descriptors of a process, and what each is; of sockets and pipes, not which."""
    found = {}
    for each in list(_proc(pid, "fd").iterdir()):
        # But of the listing itself.
        with contextlib.suppress(FileNotFoundError):
            found[int(each.name)] = os.readlink(each)
    return {
        number: leads_to.partition(":[")[0] if number > 2 else leads_to
        for number, leads_to in found.items()
    }


@pytest.mark.parametrize("engine", ["native", "grpcio"])
async def test_they_answer_calls(preload: Preload, tmp_path: Path, engine: str) -> None:
    zygote = preload(engine=engine)
    workers = [Worker(zygote.start, tmp_path, number, engine=engine) for number in (0, 1)]
    for number, worker in enumerate(workers):
        pid = await worker.serving()
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(f"unix:{tmp_path}/{number}.sock", options) as channel:
            stub = greeter_pb2_grpc.GreeterStub(channel)
            request = greeter_pb2.SayHelloRequest(name="you")
            assert (await stub.SayHello(request, timeout=10)).pid == pid
    for worker in workers:
        assert await worker.stop() == 0


async def test_they_write_to_what_is_stdout_now(
    preload: Preload, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    zygote = preload("import sys\nprint('imported')\n")
    with (tmp_path / "shop.py").open("a") as module:
        module.write(
            "\ngreet = register\n"
            "def register(server): print('registered', file=sys.stderr); greet(server)\n"
        )
    first = Worker(zygote.start, tmp_path, 0)
    await first.serving()
    # As when logs are opened anew.
    stderr = os.dup(2)
    with (tmp_path / "log").open("w") as log:
        os.dup2(log.fileno(), 2)
    try:
        second = Worker(zygote.start, tmp_path, 1)
        await second.serving()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
    for worker in (first, second):
        assert await worker.stop() == 0
    assert (tmp_path / "log").read_text() == "registered\n"
    said = capfd.readouterr()
    assert said.err == "registered\n"
    # Not again by each worker, at its end.
    assert said.out == "imported\n"


async def test_ps_shows_what_they_are(preload: Preload, tmp_path: Path) -> None:
    zygote = preload()
    worker = Worker(zygote.start, tmp_path, 17)
    pid = await worker.serving()
    assert _arguments(pid)[-3:] == ["-m", "tercet.cluster.worker", "shop/17"]
    assert _proc(pid, "comm").read_text() == "shop/17\n"
    assert _arguments(zygote.pid)[-3:] == ["-m", "tercet.cluster.zygote", "shop/zygote"]
    await worker.stop()


def _proc(pid: int, name: str = "") -> Path:
    return Path(f"/proc/{pid}", name)


def _arguments(pid: int) -> list[str]:
    return _proc(pid, "cmdline").read_text().rstrip("\0").split("\0")


async def test_libraries_for_numbers_start_no_thread_and_draw_afresh(
    preload: Preload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    zygote = preload(
        "import numpy, cv2\n"
        "numpy.random.seed(1)\n"
        "def draw(worker):\n"
        "    open(f'drawn.{worker.spec.slot}', 'w').write(str(numpy.random.random()))\n"
    )
    with (tmp_path / "shop.py").open("a") as module:
        module.write(
            "\ngreet = register\ndef register(server, worker): draw(worker); greet(server)"
        )
    for number in (0, 1):
        worker = Worker(zygote.start, tmp_path, number)
        await worker.serving()
        assert len(list(_proc(zygote.pid, "task").iterdir())) == 1
        await worker.stop()
    assert (tmp_path / "drawn.0").read_text() != (tmp_path / "drawn.1").read_text()


async def test_how_they_end_is_known(preload: Preload, tmp_path: Path) -> None:
    zygote = preload("import os\n")
    with (tmp_path / "shop.py").open("a") as module:
        module.write(
            "\ngreet = register\n"
            "def register(server, worker):\n"
            "    if worker.spec.slot == 1: raise ValueError('no')\n"
            "    if worker.spec.slot == 2: os._exit(5)\n"
            "    greet(server)\n"
        )
    ends = [Worker(zygote.start, tmp_path, number) for number in (0, 1, 2)]
    await ends[0].serving()
    ends[0].process.signal(signal.SIGKILL)
    assert [await worker.exited for worker in ends] == [-signal.SIGKILL, CANNOT_START, 5]
    # None of them is left in the process table, and one that is gone is left in peace.
    for worker in ends:
        assert not _proc(worker.process.pid).exists()
        worker.process.signal(signal.SIGTERM)


async def test_what_they_leave_behind_is_ended(preload: Preload, tmp_path: Path) -> None:
    zygote = preload("import subprocess\n")
    with (tmp_path / "shop.py").open("a") as module:
        module.write(
            "\ngreet = register\n"
            "def register(server):\n"
            "    subprocess.Popen(['sleep', '600'], process_group=0)\n"
            "    greet(server)\n"
        )
    worker = Worker(zygote.start, tmp_path)
    pid = await worker.serving()
    (program,) = map(int, _proc(pid, f"task/{pid}/children").read_text().split())
    watch = os.pidfd_open(program)
    worker.process.signal(signal.SIGKILL)
    await worker.exited
    await _ended(watch)
    # It has lost its parent, and we adopt orphans.
    os.waitpid(program, 0)  # noqa: ASYNC222


async def _ended(pidfd: int) -> None:
    """Waits for the end of a process, whether or not somebody reaps it."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(pidfd, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), 20)
    finally:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)


async def test_they_outlive_a_zygote_and_the_next_comes_from_a_new_one(
    preload: Preload, tmp_path: Path
) -> None:
    zygote = preload()
    first = Worker(zygote.start, tmp_path, 0)
    pid = await first.serving()
    old = zygote.pid
    watch = os.pidfd_open(old)
    os.kill(old, signal.SIGKILL)
    # Without a turn of the loop: its end is not known yet.
    select.select([watch], [], [])
    os.close(watch)
    second = Worker(zygote.start, tmp_path, 1)
    await second.serving()
    assert zygote.pid not in (0, old)
    os.kill(zygote.pid, signal.SIGKILL)
    await zygote.gone()
    third = Worker(zygote.start, tmp_path, 2)
    await third.serving()
    os.kill(pid, 0)
    for worker in (first, second, third):
        assert await worker.stop() == 0


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "import threading\n"
            "threading.Thread(target=threading.Event().wait, name='poller', daemon=True).start()",
            "importing it has started 1 thread: poller$",
        ),
        (
            "import asyncio\nloop = asyncio.new_event_loop()",
            "importing it has opened 3 descriptors.*anon_inode:.*that workers cannot share$",
        ),
        ("raise ValueError('not today')", "^ValueError: not today$"),
        ("import nowhere", "^ModuleNotFoundError: No module named 'nowhere'$"),
        ("raise SystemExit(0)", "^SystemExit: 0$"),
    ],
)
async def test_one_that_cannot_be_forked_says_why_once(
    preload: Preload, tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, cause: str
) -> None:
    zygote = preload(text)
    workers = [Worker(zygote.start, tmp_path, number) for number in (0, 1)]
    for worker in workers:
        assert await worker.exited == CANNOT_START
        assert len(worker.causes) == 1
        assert re.search(cause, worker.causes[0])
    await zygote.gone()
    complaint = capfd.readouterr().err
    assert complaint.count("shop/zygote: ") == 1
    assert ("Traceback" in complaint) == ("set preload = false" not in complaint)
    # What was wrong may be mended by then.
    (tmp_path / "shop.py").unlink()
    mended = Worker(preload().start, tmp_path, 2)
    await mended.serving()
    await mended.stop()


async def test_one_that_hangs_is_ended_and_the_others_wait_for_the_next(
    preload: Preload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    zygote = preload(
        "import pathlib, time\n"
        "hung = pathlib.Path('hung')\n"
        "if not hung.exists():\n"
        "    hung.touch()\n"
        "    time.sleep(600)\n"
    )
    impatient, stopped, patient = (Worker(zygote.start, tmp_path, number) for number in range(3))
    await eventually((tmp_path / "hung").exists)
    assert impatient.process.pid == 0
    stopped.process.signal(signal.SIGTERM)
    impatient.process.signal(signal.SIGKILL)
    assert await stopped.exited == -signal.SIGTERM
    assert await impatient.exited == -signal.SIGKILL
    assert impatient.causes == ["it was stopped before it was forked"]
    await patient.serving()
    assert await patient.stop() == 0


async def test_one_that_does_not_answer_is_ended_with_the_worker_that_waits(
    preload: Preload, tmp_path: Path
) -> None:
    zygote = preload()
    first = Worker(zygote.start, tmp_path, 0)
    await first.serving()
    os.kill(zygote.pid, signal.SIGSTOP)
    asked, next_one = Worker(zygote.start, tmp_path, 1), Worker(zygote.start, tmp_path, 2)
    assert zygote.owns(10**6)
    asked.process.signal(signal.SIGKILL)
    assert await asked.exited == -signal.SIGKILL
    await next_one.serving()
    for worker in (first, next_one):
        assert await worker.stop() == 0


async def test_one_that_dies_when_asked_has_a_successor_that_is_asked_again(
    preload: Preload, tmp_path: Path
) -> None:
    zygote = preload()
    first = Worker(zygote.start, tmp_path, 0)
    await first.serving()
    os.kill(zygote.pid, signal.SIGSTOP)
    second = Worker(zygote.start, tmp_path, 1)
    os.kill(zygote.pid, signal.SIGKILL)
    await second.serving()
    for worker in (first, second):
        assert await worker.stop() == 0


async def test_a_fork_that_kills_zygotes_is_not_tried_for_ever(
    preload: Preload, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    zygote = preload("import os\nos.register_at_fork(before=lambda: os.kill(os.getpid(), 9))")
    worker = Worker(zygote.start, tmp_path)
    assert await worker.exited == -signal.SIGKILL
    assert worker.causes == ["its zygote was killed by SIGKILL"]
    assert caplog.messages == ["shop/zygote killed by SIGKILL"] * 2


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGTERM])
async def test_a_signal_reaches_one_that_is_being_forked(
    preload: Preload, tmp_path: Path, number: signal.Signals
) -> None:
    zygote = preload("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)")
    first = Worker(zygote.start, tmp_path, 0)
    await first.serving()
    os.kill(zygote.pid, signal.SIGSTOP)
    second = Worker(zygote.start, tmp_path, 1)
    second.process.signal(number)
    os.kill(zygote.pid, signal.SIGCONT)
    assert await second.exited == -number
    await first.stop()


async def test_one_that_is_forked_but_not_told_to_go_ends(preload: Preload, tmp_path: Path) -> None:
    zygote = preload()
    first = Worker(zygote.start, tmp_path, 0)
    await first.serving()
    before = _children()
    dropped = Worker(zygote.start, tmp_path, 1)
    # Without a turn of the loop: that it is there is not known yet.
    forked = _born_since(before)
    watch = os.pidfd_open(forked)
    # Were it that worker, it would end of a signal, and not by itself.
    assert dropped.process.pid == 0
    dropped.process.signal(signal.SIGKILL)
    assert await dropped.exited == -signal.SIGKILL
    await _ended(watch)
    status = os.waitid(os.P_PID, forked, os.WEXITED)  # noqa: ASYNC222
    assert status and (status.si_code, status.si_status) == (os.CLD_EXITED, ORPHANED)
    assert await first.stop() == 0


def _born_since(before: set[int]) -> int:
    """Waits for a new child of this process, in the way of everything else."""
    deadline = time.monotonic() + 20
    while not (born := _children() - before):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return born.pop()


def _children() -> set[int]:
    return set(map(int, _proc(os.getpid(), f"task/{os.getpid()}/children").read_text().split()))


async def test_nothing_is_kept_open(preload: Preload, tmp_path: Path) -> None:
    before = len(_held(os.getpid()))
    zygote = preload()
    first = Worker(zygote.start, tmp_path, 0, descriptors=(0,))
    await first.serving()
    # A link and a pidfd; a link for the zygote and a pidfd.
    assert len(_held(os.getpid())) == before + 4
    os.kill(zygote.pid, signal.SIGSTOP)
    dropped, second = (Worker(zygote.start, tmp_path, number) for number in (1, 2))
    dropped.process.signal(signal.SIGKILL)
    await second.serving()
    assert len(_held(os.getpid())) == before + 6
    zygote.stop()
    for worker in (first, second):
        assert await worker.stop() == 0
    await zygote.gone()
    await eventually(lambda: len(_held(os.getpid())) == before)


async def test_a_stopped_one_starts_none(preload: Preload, tmp_path: Path) -> None:
    zygote = preload()
    first = Worker(zygote.start, tmp_path, 0)
    await first.serving()
    late = Worker(zygote.start, tmp_path, 1)
    zygote.stop()
    await zygote.gone()
    assert zygote.pid == 0
    with pytest.raises(RuntimeError, match="shop/zygote is stopped"):
        Worker(zygote.start, tmp_path, 2)
    assert await first.stop() == 0
    # It was forked just before, or never.
    late.process.signal(signal.SIGKILL)
    assert await late.exited == -signal.SIGKILL


SUPERVISOR = """
import asyncio, socket
from tercet.cluster.spec import ServiceSpec
from tercet.cluster.zygote.starter import Zygote

async def main():
    service = ServiceSpec(name="shop", target="shop:register", workers=1, preload=True)
    zygote = Zygote(service, "native")
    ours, theirs = socket.socketpair()
    worker = zygote.start(theirs, name="shop/0", on_exit=print)
    theirs.close()
    while not READY:
        await asyncio.sleep(0.01)
    print(zygote.pid, worker.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("text", "ready"),
    [
        (
            "import pathlib, time\npathlib.Path('hung').touch()\ntime.sleep(600)",
            "os.path.exists('hung')",
        ),
        ("", "worker.pid"),
    ],
    ids=["while it imports", "when it waits"],
)
async def test_it_ends_with_its_supervisor(
    preload: Preload, tmp_path: Path, text: str, ready: str
) -> None:
    preload(text)
    supervisor = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", f"import os\n{SUPERVISOR.replace('READY', ready)}"],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    )
    with supervisor:
        assert supervisor.stdout
        zygote, worker = map(int, supervisor.stdout.readline().split())
        watched = [os.pidfd_open(pid) for pid in (zygote, worker) if pid]
        supervisor.kill()
        for pidfd in watched:
            await _ended(pidfd)
