"""Servicers that answer by the contracts without computing or running anything."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc.aio

from tercet import rpc
from tercet.compute.v1 import compute_pb2, compute_pb2_grpc
from tercet.errors import InvalidArgument, NotFound, ResourceExhausted, Unavailable
from tercet.executor.v1 import executor_pb2, executor_pb2_grpc

TERM = 15


class FakeCompute(compute_pb2_grpc.ComputeServicer):
    """Kernels: echo (inputs come back), two (two outputs), wait (until cancelled), and refusals."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.started = threading.Event()
        self.cancelled = threading.Event()
        self.unavailable = 0

    async def ListKernels(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        if self.unavailable:
            self.unavailable -= 1
            raise Unavailable("draining")
        real = compute_pb2.Parameter(
            name="factor",
            help="Factor.",
            type=compute_pb2.PARAMETER_TYPE_REAL,
            minimum=compute_pb2.Value(real=-2.5),
            maximum=compute_pb2.Value(integer=10),
        )
        n = compute_pb2.Parameter(
            name="n",
            help="Index.",
            type=compute_pb2.PARAMETER_TYPE_INTEGER,
            minimum=compute_pb2.Value(integer=0),
            maximum=compute_pb2.Value(integer=50),
            default=compute_pb2.Value(integer=0),
        )
        port = compute_pb2.Port(
            name="values", help="Terms.", dtypes=[compute_pb2.ELEMENT_TYPE_FLOAT64], rank=1
        )
        kernel = compute_pb2.Kernel(
            name="echo", help="Gives back.", parameters=[n, real], inputs=[port], outputs=[port]
        )
        return compute_pb2.ListKernelsResponse(kernels=[kernel], threads=2)

    async def Run(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        match request.kernel:
            case "wait":
                self.started.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    self.cancelled.set()
            case "full":
                raise ResourceExhausted("the queue is full", hint="try later", retry_after=0.25)
            case "range":
                raise InvalidArgument("n is 51, not 0 to 50", field="parameters.n", n="51")
            case "unavailable":
                raise Unavailable("draining")
            case "fibonacci":
                number = (832040).to_bytes(8, "little")
                tensor = compute_pb2.Tensor(
                    dtype=compute_pb2.ELEMENT_TYPE_INT64, shape=[1], data=number
                )
                return compute_pb2.RunResponse(
                    outputs={"numbers": tensor},
                    timing=compute_pb2.Timing(running={"nanos": 500_000_000}),
                )
            case "two":
                one = compute_pb2.Tensor(
                    dtype=compute_pb2.ELEMENT_TYPE_INT64, data=bytes([7, 0, 0, 0, 0, 0, 0, 0])
                )
                return compute_pb2.RunResponse(outputs={"b": one, "a": one})
            case "echo":
                response = compute_pb2.RunResponse()
                for name, given in request.inputs.items():
                    if given.HasField("tensor"):
                        response.outputs[name].CopyFrom(given.tensor)
                response.timing.queued.FromNanoseconds(1_000_000)
                response.timing.running.FromNanoseconds(2_500_000_000)
                response.timing.threads, response.timing.tiles = 2, 64
                return response
        raise NotFound(f"there is no kernel {request.kernel!r}", hint="see ListKernels")

    async def ProcessImage(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        timings = [compute_pb2.Timing(threads=2, tiles=3)] * len(request.operations)
        return compute_pb2.ProcessImageResponse(
            image=request.image[::-1],
            format=request.format or compute_pb2.IMAGE_FORMAT_JPEG,
            width=4,
            height=3,
            timings=timings,
        )


def outcome(program: str) -> Any:
    """How the fake program of a name ends."""
    given = executor_pb2.Outcome()
    match program:
        case "fail":
            given.exited.code = 3
        case "crash":
            given.signaled.signal, given.signaled.name = 11, "SIGSEGV"
        case "cut":
            given.signaled.signal, given.signaled.name = 13, "SIGPIPE"
        case "slow":
            given.timed_out.limit.FromSeconds(5)
            given.timed_out.forced = True
        case "chatty":
            given.output_limit.limit_bytes = 1 << 20
        case "absent":
            given.spawn_failed.errno, given.spawn_failed.message = 2, "No such file or directory"
        case _:
            given.exited.code = 0
    given.elapsed.FromNanoseconds(1_500_000_000)
    return given


class FakeExecutor(executor_pb2_grpc.ExecutorServicer):
    """Programs end as `outcome` says; "cat" gives back its input, "forever" runs until killed."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.started = threading.Event()
        self.cancelled = threading.Event()

    async def ListPrograms(self, request: Any, context: Any) -> Any:
        lines = executor_pb2.Argument(
            name="lines",
            help="How many.",
            type=executor_pb2.ARGUMENT_TYPE_INTEGER,
            default="10",
            minimum=0,
            maximum=1e6,
        )
        head = executor_pb2.Program(name="head", help="First.", arguments=[lines], available=True)
        head.timeout.FromSeconds(60)
        return executor_pb2.ListProgramsResponse(programs=[head])

    async def Run(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        for index, stage in enumerate(request.stages):
            if stage.program == "unknown":
                field = f"stages[{index}].program"
                raise InvalidArgument("there is no such program", field=field, hint="list them")
            if stage.program == "forever":
                self.started.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    self.cancelled.set()
        results = [
            executor_pb2.StageResult(
                program=stage.program,
                outcome=outcome(stage.program),
                stderr=f"{stage.program}: done\n".encode(),
            )
            for stage in request.stages
        ]
        words = " | ".join(_line(stage) for stage in request.stages)
        stdout = words.encode() + b"\n" + request.stdin
        return executor_pb2.RunResponse(stdout=stdout, stages=results)

    async def Spawn(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        first = await anext(aiter(requests))
        self.requests.append(first)
        stage = first.start.stage
        if stage.program == "unknown":
            raise NotFound("there is no such program", hint="see ListPrograms")
        answer = executor_pb2.SpawnResponse
        if stage.program == "absent":
            yield answer(exited=outcome("absent"))
            return
        yield answer(started=executor_pb2.Started(pid=4711))
        if stage.program == "cat":
            async for request in requests:
                match request.WhichOneof("request"):
                    case "stdin":
                        yield answer(stdout=request.stdin)
                    case "signal":
                        ended = outcome("cat")
                        ended.stopped.signal, ended.stopped.name = request.signal.number, "SIGTERM"
                        yield answer(exited=ended)
                        return
                    case _:
                        break
        elif stage.program == "forever":
            self.started.set()
            try:
                while True:
                    yield answer(stdout=b"y\n" * 16)
                    await asyncio.sleep(0)
            finally:
                self.cancelled.set()
        elif stage.program == "convert":
            for step in range(5):
                progress = executor_pb2.Progress(fraction=step / 4, frames=step * 25, speed=2.0)
                progress.position.FromSeconds(step)
                progress.duration.FromSeconds(4)
                yield answer(progress=progress)
        else:
            yield answer(stdout=_line(stage).encode() + b"\n")
            yield answer(stderr=f"{stage.program}: done\n".encode())
        yield answer(exited=outcome(stage.program))


def _line(stage: Any) -> str:
    given = sorted(stage.arguments.items())
    return " ".join([stage.program, *(f"{name}={value}" for name, value in given)])


class Fakes:
    """A server with both fakes. `address` is where it listens."""

    def __init__(self) -> None:
        self.compute = FakeCompute()
        self.executor = FakeExecutor()
        self.address = ""

    @contextlib.asynccontextmanager
    async def listening(self, address: str) -> AsyncIterator[Fakes]:
        server = rpc.server()
        compute_pb2_grpc.add_ComputeServicer_to_server(self.compute, server)
        executor_pb2_grpc.add_ExecutorServicer_to_server(self.executor, server)
        port = server.add_insecure_port(address)
        self.address = address.replace(":0", f":{port}") if address.endswith(":0") else address
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)


@contextlib.contextmanager
def in_thread(address: str) -> Iterator[Fakes]:
    """The fakes on an event loop of their own, for callers that block or run their own loop."""
    fakes = Fakes()
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with fakes.listening(address):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10), "the server did not start"
        yield fakes
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def trailing(error: BaseException | None) -> grpc.aio.AioRpcError:
    """The gRPC error from which another was raised."""
    cause = error.__cause__ if error else None
    assert isinstance(cause, grpc.aio.AioRpcError)
    return cause
