"""Prints its arguments, one to a line, as Python literals."""

import sys

for argument in sys.argv[1:]:
    print(ascii(argument))
