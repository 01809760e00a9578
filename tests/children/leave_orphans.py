"""Starts so many processes that outlive it, prints their pids, and ends.

    leave_orphans.py COUNT [SECONDS]

Each ends SECONDS later, or at once.
"""

import os
import sys

count = int(sys.argv[1])
seconds = sys.argv[2] if len(sys.argv) > 2 else "0"
# Not by subprocess, which would reap those that have ended by now.
command = ["sleep", seconds]
print(*(os.posix_spawnp("sleep", command, os.environ) for _ in range(count)), flush=True)
