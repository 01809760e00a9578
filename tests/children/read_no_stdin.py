"""Never reads its input."""

import signal

print("ready", flush=True)
signal.pause()
