"""Whether the function of a service, or of a hook, can be imported and takes its options.

Asked in a process of its own, as a worker would be: what a module does when it is imported stays
there. `python -m tercet.cli.importing` is that process.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import traceback

import msgspec

from tercet.cli.config.checking import OptionError
from tercet.cli.config.examining import Examined
from tercet.cli.config.fields import Path
from tercet.cluster.spec import ServiceSpec, WorkerSpec
from tercet.cluster.worker import loading
from tercet.errors import TercetError

# Seconds; a module that takes longer would not be ready in time either, unless told otherwise.
LONGEST = 60.0
BUILT_IN = "tercet."


class Cause(msgspec.Struct, frozen=True):
    """Why not; both are empty if it can."""

    message: str = ""
    hint: str = ""


def unusable(found: Examined) -> list[OptionError]:
    """What is wrong with the targets of the user's own services, and with the hooks.

    Those of which something is wrong already are passed over.
    """
    if found.mesh is None:
        return []
    asked: list[tuple[Path, ServiceSpec]] = [
        (("services", service.name, "target"), service)
        for service in found.mesh.services
        if not service.target.startswith(BUILT_IN)
        and found.is_sound(("services", service.name, "target"))
        and found.is_sound(("services", service.name, "options"))
    ]
    for kind, target in found.mesh.hooks.items():
        # Taken for a service, which is called with one argument too.
        hook = ServiceSpec(name="hook", target=target, workers=1, import_from_cwd=True)
        asked.append((("cluster", "hooks", kind), hook))
    wrong = []
    for path, service in asked:
        cause = ask(service)
        if cause.message:
            wrong.append(OptionError(cause.message, path=path, hint=cause.hint))
    return wrong


def ask(service: ServiceSpec) -> Cause:
    """Imports the target of a service elsewhere."""
    try:
        # -P: the directory of the start comes in as it does in a worker, if it does.
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "tercet.cli.importing"],
            input=msgspec.json.encode(service),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Cause(f"importing {service.target} takes longer than {LONGEST:g} s")
    try:
        return msgspec.json.decode(ended.stdout, type=Cause)
    except msgspec.DecodeError:
        return Cause(f"importing {service.target} ends the process: exit code {ended.returncode}")


def tried(service: ServiceSpec) -> Cause:
    """Imports the target of a service here."""
    try:
        register = loading.load(_as_worker(service))
    except TercetError as error:
        return Cause(error.message, error.hint)
    except Exception as error:
        return Cause(f"cannot import {service.target}: {type(error).__name__}: {error}", at(error))
    signature = inspect.signature(register)
    arguments = dict(service.options)
    if "worker" in signature.parameters:
        arguments["worker"] = None
    try:
        signature.bind(None, **arguments)
    except TypeError as error:
        return Cause(f"{service.target} does not take these options: {error}")
    return Cause()


def at(error: BaseException) -> str:
    """The line that raised an error, as a hint."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        return f"see {error.filename}:{error.lineno}"
    own = [frame for frame in frames if "importlib" not in frame.filename]
    return f"see {own[-1].filename}:{own[-1].lineno}" if own else ""


def _as_worker(service: ServiceSpec) -> WorkerSpec:
    return WorkerSpec(
        service=service.name,
        slot=0,
        generation=1,
        target=service.target,
        options=service.options,
        address="",
        bind="",
        control="",
        engine="",
        grace=0.0,
        max_message_bytes=service.max_message_bytes,
        server_options={},
        import_from_cwd=service.import_from_cwd,
    )


def main() -> None:
    answer = os.dup(1)
    # What the module prints is no answer.
    os.dup2(2, 1)
    cause = tried(msgspec.json.decode(sys.stdin.buffer.read(), type=ServiceSpec))
    os.write(answer, msgspec.json.encode(cause))
    # Threads that it has started are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
