from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from tercet.compute.images import codec
from tercet.errors import InvalidArgument
from tests.unit.compute.images.files import encoded, picture


def decoded(data: bytes) -> np.ndarray:
    return codec.decode(codec.open_header(data))


def test_png_gives_every_pixel():
    pixels = decoded(encoded(picture()))
    np.testing.assert_array_equal(pixels, picture())
    assert pixels.flags.writeable and pixels.flags.c_contiguous


def test_jpeg_is_near():
    source = codec.open_header(encoded(picture(), "JPEG", quality=95))
    assert source.format == "JPEG" and source.size == 40 * 60
    assert np.abs(codec.decode(source).astype(int) - picture()).mean() < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_encode_gives_that_format(kind: codec.Format):
    data = codec.encode(picture(), kind, None)
    assert Image.open(io.BytesIO(data)).format == kind
    assert np.abs(decoded(data).astype(int) - picture()).mean() < 4


# EXIF orientation 6: the camera was turned; show it rotated by 90 degrees clockwise.
def test_the_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(), "PNG", exif=exif)
    np.testing.assert_array_equal(decoded(data), np.rot90(picture(), -1))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("L", (2, 2), 77), (77, 77, 77)),
        (Image.new("1", (2, 2), 1), (255, 255, 255)),
        (Image.new("I;16", (2, 2), 0x8123), (0x81, 0x81, 0x81)),
        (Image.new("RGBA", (2, 2), (200, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (2, 2), (200, 0, 0, 255)), (200, 0, 0)),
        (Image.new("RGB", (2, 2), (9, 8, 7)).convert("P"), (9, 8, 7)),
    ],
    ids=lambda value: getattr(value, "mode", ""),
)
def test_other_modes_become_rgb(image: Image.Image, expected: tuple[int, int, int]):
    pixels = decoded(encoded(image))
    assert pixels.shape == (2, 2, 3) and pixels.dtype == np.uint8
    # The web palette has steps of 51.
    tolerance = 26 if image.mode == "P" else 0
    assert (np.abs(pixels.astype(int) - expected) <= tolerance).all()


def test_cmyk_jpeg_becomes_rgb():
    pixels = decoded(encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG"))
    assert (pixels == 255).all()


def test_a_jpeg_with_more_pictures_inside_is_a_jpeg():
    first = Image.fromarray(picture())
    data = encoded(first, "MPO", save_all=True, append_images=[first])
    source = codec.open_header(data)
    assert source.image.format == "MPO" and source.format == "JPEG"
    assert codec.decode(source).shape == (40, 60, 3)


def test_the_colour_profile_of_an_rgb_image_is_kept():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = codec.open_header(encoded(picture(), icc_profile=profile))
    again = codec.encode(codec.decode(source), "JPEG", source.icc_profile)
    assert Image.open(io.BytesIO(again)).info["icc_profile"] == profile


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        encoded(Image.new("RGB", (2, 2)), "GIF"),
        encoded(Image.new("RGB", (2, 2)), "WEBP"),
    ],
)
def test_what_is_no_jpeg_or_png_is_refused(data: bytes):
    with pytest.raises(InvalidArgument) as refused:
        codec.decode(codec.open_header(data))
    assert refused.value.field == "image" and refused.value.hint


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_half_a_file_is_refused(kind: str):
    data = encoded(picture(200, 300), kind)
    source = codec.open_header(data[: len(data) // 2])
    with pytest.raises(InvalidArgument, match="truncated or damaged") as refused:
        codec.decode(source)
    assert refused.value.reason == "DAMAGED_IMAGE"


def test_the_header_tells_the_size_of_a_bomb_before_it_is_decoded():
    # 40 kB that say 20000 x 20000.
    data = encoded(Image.new("1", (20000, 20000)))
    assert len(data) < 60_000
    assert codec.open_header(data).size == 400_000_000


FILES = [encoded(picture(), "JPEG"), encoded(picture(), "PNG")]


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damage_is_refused_or_decoded_and_nothing_else(data: st.DataObject):
    file = bytearray(data.draw(st.sampled_from(FILES)))
    for _ in range(data.draw(st.integers(1, 8))):
        # Most of the parser's branches are in the first bytes.
        position = data.draw(st.integers(0, 200) | st.integers(0, len(file) - 1))
        file[position] = data.draw(st.integers(0, 255))
    try:
        source = codec.open_header(bytes(file))
        if source.size > 1_000_000:
            return
        pixels = codec.decode(source)
    except InvalidArgument:
        return
    assert pixels.dtype == np.uint8 and pixels.shape[2:] == (3,)
