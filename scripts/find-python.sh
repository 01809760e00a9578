#!/usr/bin/env bash
# Prints the first Python that is 3.11 or newer; nothing if there is none.
#
# Each is run, not looked up: a version manager's shim is on PATH for versions that are not selected,
# and fails when run. What it prints then is no news.
for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
	if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
		echo "$candidate"
		exit 0
	fi
done
