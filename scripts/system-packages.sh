#!/usr/bin/env bash
# Installs the system packages that Tercet needs where it may (root, or sudo that asks no password);
# else names what is missing and the command that installs it.
set -euo pipefail

missing=()
need() { missing+=("$1"); }

command -v gcc >/dev/null || need gcc
command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null || need ffmpeg
command -v ps >/dev/null || need procps
# Debian and Ubuntu split these from python3; a Python of another origin carries them.
python3 -c 'import ensurepip' 2>/dev/null || need python3-venv
python3 -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' 2>/dev/null || need python3-dev

[ ${#missing[@]} -eq 0 ] && exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
if command -v apt-get >/dev/null; then
	if [ "$(id -u)" = 0 ]; then
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive $install >/dev/null && exit 0
	elif sudo -n true 2>/dev/null; then
		sudo -n apt-get update -qq && sudo -n env DEBIAN_FRONTEND=noninteractive $install >/dev/null && exit 0
	fi
fi
echo "Missing: ${missing[*]}. Install with: sudo $install" >&2
exit 1
