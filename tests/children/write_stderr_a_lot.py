"""Writes 300 000 bytes of errors, then a last word."""

import os

for number in range(30_000):
    os.write(2, b"%09d\n" % number)
os.write(2, b"last word")
