#!/usr/bin/env bash
# Installs the system packages that Tercet needs where it may (root, or sudo that asks no password);
# else names what is missing and the command that installs it.
#
# usage: system-packages.sh [PYTHON]   the interpreter that .venv is made with, if one was found
set -euo pipefail

python=${1:-}
missing=()
need() { missing+=("$@"); }

command -v gcc >/dev/null || need gcc
# With --no-install-recommends gcc comes without the headers of libc.
[ -e /usr/include/stdio.h ] || need libc6-dev
[ -e /usr/include/nghttp2/nghttp2.h ] || need libnghttp2-dev
{ command -v ffmpeg && command -v ffprobe; } >/dev/null || need ffmpeg
command -v ps >/dev/null || need procps
if [ -z "$python" ]; then
	need python3 python3-venv python3-dev
else
	# Debian and Ubuntu split these from pythonX.Y; a Python of another origin carries them.
	name=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
	"$python" -c 'import ensurepip, venv' 2>/dev/null || need "$name-venv"
	"$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || need "$name-dev"
fi

[ ${#missing[@]} -eq 0 ] && exit 0

install=(apt-get install -y -qq --no-install-recommends "${missing[@]}")
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
	echo "system packages: ${missing[*]}"
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	if "${as_root[@]}" apt-get update -qq >"$log" 2>&1 &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" >>"$log" 2>&1; then
		exit 0
	fi
	tail -n 20 "$log" >&2
fi
echo "Missing: ${missing[*]}. Install with: sudo apt-get install ${missing[*]}" >&2
exit 1
