"""Closes its input without reading, then lives until it is told to end."""

import os
import signal

os.close(0)
print("closed", flush=True)
signal.pause()
