"""`tercet compute image`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tercet.cli.calling import call
from tercet.cli.exit_codes import CannotCreate, InputMissing
from tercet.cli.options import LOCAL, Address, Json, Timeout, examples
from tercet.cli.output import print_json, print_table, seconds

if TYPE_CHECKING:
    from tercet.client import Image

EPILOG = examples(
    "tercet compute image in.jpg out.png --gain 1.2,1.1,0.9 --blur 2",
    "tercet compute image - - --blur 5 < in.jpg > out.jpg",
)
FORMATS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}


def command(
    source: Annotated[str, typer.Argument(metavar="IN", help="A JPEG or PNG file; - is stdin.")],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="A .jpg, .jpeg or .png file; - is stdout.")
    ],
    gain: Annotated[
        str | None,
        typer.Option(
            metavar="R,G,B", help="Multiply red, green and blue, 0 to 255 each [default: none]."
        ),
    ] = None,
    blur: Annotated[
        float | None,
        typer.Option(metavar="SIGMA", help="Gaussian blur, in pixels, after the gain."),
    ] = None,
    timeout: Timeout = None,
    address: Address = LOCAL,
    as_json: Json = False,
) -> None:
    """Send an image through gain and blur on the server.

    OUT's ending chooses the format; stdout gets that of IN, and then nothing else is printed.
    """
    factors = parse_gain(gain)
    format = format_of(target)
    data = _read(source)
    image = call(
        address,
        lambda client: client.compute.image(
            data, gain=factors, blur=blur, format=format, timeout=timeout
        ),
        smaller="send a smaller image",
    )
    if target == "-":
        sys.stdout.buffer.write(image.data)
        return
    try:
        Path(target).write_bytes(image.data)
    except OSError as error:
        raise CannotCreate.because(target, error) from error
    if as_json:
        print_json(as_dict(target, image))
        return
    ran = sum(timing.running for timing in image.timings)
    print_table(
        ("FILE", "FORMAT", "WIDTH", "HEIGHT", "BYTES"),
        [(target, image.format, str(image.width), str(image.height), str(len(image.data)))],
        caption=f"{len(image.timings)} operations ran {seconds(ran)}",
    )


def parse_gain(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        red, green, blue = map(float, text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not three numbers apart by commas", param_hint="--gain"
        ) from error
    return red, green, blue


def format_of(target: str) -> str | None:
    """The format that a file's ending asks for; None for stdout."""
    if target == "-":
        return None
    suffix = Path(target).suffix.lower()
    if suffix not in FORMATS:
        raise typer.BadParameter(
            f"{target!r} does not end in {', '.join(FORMATS)}", param_hint="OUT"
        )
    return FORMATS[suffix]


def as_dict(target: str, image: Image) -> dict[str, Any]:
    return {
        "file": target,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "bytes": len(image.data),
        "timings": [dataclasses.asdict(timing) for timing in image.timings],
    }


def _read(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise InputMissing.because(source, error) from error
