"""Image files to pixels and back, through Pillow, which releases the GIL while it codes.

All functions are for a thread of the pool. Pixels are uint8[height, width, 3], RGB.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tercet.errors import InvalidArgument

Pixels = NDArray[np.uint8]
Format = Literal["JPEG", "PNG"]

# Each file is checked against the configured limit before it is decoded; Pillow's own limit is
# a warning at a fixed size (python-pillow/Pillow#515).
Image.MAX_IMAGE_PIXELS = None

# What Pillow's parsers are known to raise on damaged files, beside OSError.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    OverflowError,
    struct.error,
    zlib.error,
)
HINT = "send a whole JPEG or PNG file"


@dataclass(frozen=True)
class Source:
    """A file whose header has been read."""

    image: Image.Image
    format: Format
    icc_profile: bytes | None

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.image.width * self.image.height


def open_header(data: bytes) -> Source:
    """Reads the header of a file; decodes nothing.

    Raises:
        InvalidArgument: It is neither JPEG nor PNG.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
    except DAMAGED as error:
        raise InvalidArgument(
            "the bytes are no JPEG or PNG image", field="image", hint=HINT, reason="NOT_AN_IMAGE"
        ) from error
    # Pillow calls a JPEG with further pictures inside, as cameras write it, MPO.
    kind: Format = "PNG" if image.format == "PNG" else "JPEG"
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
    return Source(image, kind, profile)


def decode(source: Source) -> Pixels:
    """Decodes a file once: upright by its EXIF orientation, transparency laid on white.

    Raises:
        InvalidArgument: The file is truncated or damaged.
    """
    try:
        image = source.image
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        rgb = _rgb(image)
        if rgb is not image:
            # Its pixels would stay in memory as long as the source.
            image.close()
        return np.array(rgb)
    except DAMAGED as error:
        raise InvalidArgument(
            f"the image is truncated or damaged: {error}",
            field="image",
            hint=HINT,
            reason="DAMAGED_IMAGE",
        ) from error


def encode(pixels: Pixels, kind: Format, icc_profile: bytes | None) -> bytes:
    """The file of an image: JPEG of quality 90, or PNG."""
    file = io.BytesIO()
    # PNG level 1: 5 times as fast as the default 6, files a fifth larger.
    options = {"quality": 90} if kind == "JPEG" else {"compress_level": 1}
    Image.fromarray(pixels).save(file, kind, icc_profile=icc_profile, **options)
    return file.getvalue()


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion clips at 255.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        if image.mode != "RGBA":
            image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")
