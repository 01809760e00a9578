"""Writes to the file that its first argument names, then fails."""

import sys

with open(sys.argv[1], "w") as file:
    file.write("half")
sys.exit(3)
