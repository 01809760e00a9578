from __future__ import annotations

import math

import pytest

from tercet.compute.images.steps import steps
from tercet.compute.v1.compute_pb2 import Blur, Gain, ImageOperation
from tercet.errors import InvalidArgument
from tests.unit.compute.images.files import picture

GOOD = ImageOperation(gain=Gain(red=0, green=255, blue=1))


def test_one_step_per_operation():
    made = steps([GOOD, ImageOperation(blur=Blur(sigma=100))], threads=2)
    assert len(made) == 2
    pixels = picture()
    for step in made:
        _, target = step(pixels)
        assert target.shape == pixels.shape


@pytest.mark.parametrize(
    ("operation", "field", "reason"),
    [
        (ImageOperation(), "", "NO_OPERATION"),
        (ImageOperation(gain=Gain(red=math.nan)), ".gain.red", "NOT_FINITE"),
        (ImageOperation(gain=Gain(green=math.inf)), ".gain.green", "NOT_FINITE"),
        (ImageOperation(gain=Gain(blue=-0.1)), ".gain.blue", "OUT_OF_RANGE"),
        (ImageOperation(gain=Gain(blue=255.1)), ".gain.blue", "OUT_OF_RANGE"),
        (ImageOperation(blur=Blur()), ".blur.sigma", "OUT_OF_RANGE"),
        (ImageOperation(blur=Blur(sigma=100.1)), ".blur.sigma", "OUT_OF_RANGE"),
        (ImageOperation(blur=Blur(sigma=math.nan)), ".blur.sigma", "NOT_FINITE"),
    ],
)
def test_refusals(operation: ImageOperation, field: str, reason: str):
    with pytest.raises(InvalidArgument) as refused:
        steps([GOOD, operation], threads=2)
    assert (refused.value.field, refused.value.reason) == (f"operations[1]{field}", reason)
    assert refused.value.hint
