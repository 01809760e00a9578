"""Ends at once, but leaves a descendant behind that holds its output open."""

import os
import signal

descendant = os.fork()
if descendant == 0:
    while True:
        signal.pause()
print(descendant, flush=True)
os._exit(0)
