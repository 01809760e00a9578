"""Prints its environment as the kernel handed it over, and its directory."""

import os

with open("/proc/self/environ") as environment:
    for line in environment.read().split("\0"):
        if line:
            print(line)
print("cwd:", os.getcwd())
