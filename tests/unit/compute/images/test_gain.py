from __future__ import annotations

import numpy as np

from tercet.compute.images.gain import gain
from tercet.compute.pool import Pool
from tests.unit.compute.images.files import picture


async def test_gain_is_in_place_and_by_channel(pool: Pool):
    pixels = picture()
    scaled = np.rint(picture().astype(np.float32) * np.array([1.2, 1.1, 0.9], np.float32))
    job, target = gain(pixels, 1.2, 1.1, 0.9)
    await pool.run(job)
    assert target is pixels
    np.testing.assert_array_equal(pixels, np.minimum(scaled, 255).astype(np.uint8))
