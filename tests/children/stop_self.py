"""Stops itself, so that it acts on no signal but SIGCONT and SIGKILL."""

import os
import signal

print("ready", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
signal.pause()
