"""Ends with the code that its argument tells."""

import os
import sys

os._exit(int(sys.argv[1]))
