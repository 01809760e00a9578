"""Ends at once; its descendant has left the process group and holds the output open."""

import os
import signal

reading, writing = os.pipe()
descendant = os.fork()
if descendant == 0:
    os.setsid()
    os.write(writing, b"escaped")
    while True:
        signal.pause()
os.read(reading, 7)
print(descendant, flush=True)
os._exit(0)
