"""Threads: a photograph made warmer, then blurred."""

from __future__ import annotations

import time
from pathlib import Path

import tercet
from examples.tour.mesh import Mesh
from examples.tour.table import seconds, table

# Its source and licence: examples/media/README.md.
PHOTOGRAPH = Path(__file__).parents[1] / "media" / "astronaut.jpg"
GAIN = (1.2, 1.1, 0.9)
SIGMA = 2.0


async def run(mesh: Mesh, client: tercet.Client, out: Path) -> str:
    before = PHOTOGRAPH.read_bytes()
    began = time.perf_counter()
    image = await client.compute.image(before, gain=GAIN, blur=SIGMA)
    took = time.perf_counter() - began
    (out / "before.jpg").write_bytes(before)
    (out / "after.jpg").write_bytes(image.data)

    gain, blur = image.timings
    table(
        ("WHAT", "TIME", "THREADS"),
        [
            ("gain r={} g={} b={}".format(*GAIN), seconds(gain.running), gain.threads),
            (f"blur, sigma {SIGMA} pixels", seconds(blur.running), blur.threads),
            ("the call, JPEG decoding and encoding included", seconds(took), "-"),
        ],
    )
    table(
        ("FILE", "BYTES", "PIXELS"),
        [
            (name, size, f"{image.width} x {image.height}")
            for name, size in (("before.jpg", len(before)), ("after.jpg", len(image.data)))
        ],
    )
    return f"{image.width} x {image.height} pixels: gain, blur; saved as after.jpg"
