"""`tercet compute run`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tercet.cli.calling import call
from tercet.cli.exit_codes import CannotCreate, InputMissing
from tercet.cli.options import LOCAL, Address, Json, Timeout, encodable, examples, number, pairs
from tercet.cli.output import print_json, print_table, seconds
from tercet.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from tercet.client import Fill, Result

EPILOG = examples(
    "tercet compute run fibonacci n=35",
    "tercet compute run sum_of_squares --fill values=seed:1,n:10000000 --threads 2",
    "tercet compute run sum_of_squares --input values=in.npy --json",
)
# More elements than this are worth a file.
SHOWN_VALUES = 8
JSON_VALUES = 1000


def command(
    kernel: Annotated[str, typer.Argument(metavar="KERNEL", help="See `tercet compute list`.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=NUMBER]...",
            help="Parameters, as with --param.",
            show_default=False,
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=NUMBER",
            help="A parameter: 3 is whole, 3.0 is real. May be repeated.",
        ),
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=seed:S,n:N",
            help="An input that the server makes: N float64 in [0, 1). May be repeated.",
        ),
    ] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input", "-i", metavar="NAME=FILE.npy", help="An input of yours. May be repeated."
        ),
    ] = None,
    save: Annotated[
        list[str] | None,
        typer.Option(
            "--save", "-s", metavar="NAME=FILE.npy", help="Where an output goes. May be repeated."
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option(min=0, help="Most threads for this job; 0 means all of the server's.")
    ] = 0,
    timeout: Timeout = None,
    address: Address = LOCAL,
    as_json: Json = False,
) -> None:
    """Run one kernel and show its outputs.

    Without a terminal: one line per output with its name and values, apart by a tab; an output of
    more than 8 elements shows as its type and shape, such as float64[100,3].
    """
    arguments: dict[str, Any] = {}
    encodable(kernel, "KERNEL")
    for name, value in pairs([*(words or []), *(param or [])], "--param", "NAME=NUMBER"):
        arguments[name] = _number(value, "--param")
    for name, value in pairs(fill or [], "--fill", "NAME=seed:S,n:N"):
        _set(arguments, name, parse_fill(value), "--fill")
    for name, value in pairs(input_ or [], "--input", "NAME=FILE.npy"):
        _set(arguments, name, load(Path(value)), "--input")
    targets = dict(pairs(save or [], "--save", "NAME=FILE.npy"))
    result = call(
        address,
        lambda client: client.compute.run(kernel, arguments, threads=threads, timeout=timeout),
        smaller="let the server make the input with --fill",
    )
    for name, target in targets.items():
        _save(result, name, Path(target))
    if as_json:
        print_json(as_dict(kernel, result, targets))
        return
    timing = result.timing
    print_table(
        ("OUTPUT", "VALUE"),
        [(name, show(array)) for name, array in result.outputs.items()],
        caption=f"running {seconds(timing.running)}, queued {seconds(timing.queued)},"
        f" threads {timing.threads}, tiles {timing.tiles}",
    )


def parse_fill(text: str) -> Fill:
    """Reads "seed:1,n:1000"; the seed may be left out and is 0 then.

    Raises:
        BadParameter: It is something else.
    """
    from tercet.client import Fill

    shape = f"{text!r} is not seed:S,n:N with whole numbers"
    fields = dict.fromkeys(("seed", "n"), 0)
    given = dict(part.partition(":")[::2] for part in text.split(","))
    if "n" not in given or not given.keys() <= fields.keys():
        raise typer.BadParameter(shape, param_hint="--fill")
    try:
        fields |= {name: int(value) for name, value in given.items()}
    except ValueError as error:
        raise typer.BadParameter(shape, param_hint="--fill") from error
    return Fill(**fields)


def load(path: Path) -> Any:
    """Reads a .npy file; never one with pickled objects, which would run code."""
    import numpy as np

    try:
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise InputMissing.because(path, error) from error
    except (ValueError, EOFError) as error:
        raise InputMissing(
            f"{path} is not a .npy file of numbers: {error}", hint="write it with numpy.save()"
        ) from error


def show(array: Any) -> str:
    """The values of a small array, the type and shape of a large one."""
    if array.size <= SHOWN_VALUES:
        return " ".join(map(str, array.ravel().tolist()))
    return f"{array.dtype}[{','.join(map(str, array.shape))}]"


def as_dict(kernel: str, result: Result, targets: dict[str, str]) -> dict[str, Any]:
    outputs = {
        name: {
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            # null: too many to print, use --save.
            "values": array.tolist() if array.size <= JSON_VALUES else None,
            "saved": targets.get(name),
        }
        for name, array in result.outputs.items()
    }
    return {"kernel": kernel, "outputs": outputs, "timing": dataclasses.asdict(result.timing)}


def _save(result: Result, name: str, path: Path) -> None:
    import numpy as np

    if name not in result.outputs:
        raise NotFound(
            f"there is no output {name!r} to save",
            hint=f"the outputs are: {', '.join(result.outputs)}",
        )
    try:
        with path.open("wb") as file:
            np.save(file, result.outputs[name], allow_pickle=False)
    except OSError as error:
        raise CannotCreate.because(path, error) from error


def _set(arguments: dict[str, Any], name: str, value: Any, option: str) -> None:
    if name in arguments:
        raise typer.BadParameter(f"{name!r} is named twice", param_hint=option)
    arguments[name] = value


def _number(text: str, option: str) -> int | float:
    try:
        return number(text)
    except InvalidArgument as error:
        raise typer.BadParameter(error.message, param_hint=option) from error
