"""Ends at once, and leaves a descendant behind that holds none of its streams."""

import os
import signal

reading, writing = os.pipe()
descendant = os.fork()
if descendant == 0:
    for stream in (0, 1, 2):
        os.close(stream)
    os.write(writing, b"closed")
    while True:
        signal.pause()
os.read(reading, 6)
print(descendant, flush=True)
os._exit(0)
