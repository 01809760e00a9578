"""Writes numbered lines without end, and tells by SIGPIPE's default action when nobody reads."""

import itertools
import os
import signal

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
for number in itertools.count():
    os.write(1, b"%07d\n" % number * 512)
