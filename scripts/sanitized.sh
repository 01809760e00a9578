#!/usr/bin/env bash
# Builds the native modules with the sanitizers of the compiler, apart from the usual ones, and runs
# pytest on them: a stray access or undefined behaviour ends the run with a report.
#
# usage: sanitized.sh [PYTEST ARGUMENT ...]   by default the tests of native code and of the servers
set -euo pipefail
cd "$(dirname "$0")/.."

python=$PWD/.venv/bin/python
lib=$PWD/build/sanitized/lib
sanitizers=address,undefined
# Those that build with sanitizers of their own cannot do so under these.
[ $# -gt 0 ] || set -- tests/native tests/unit/rpc tests/conformance/wire tests/conformance/context \
	--ignore tests/native/test_pool_sanitized.py --ignore tests/native/test_sanitized.py

# The sanitizers must be there before anything allocates. libstdc++ as well: what catches an
# exception of C++ (in grpcio) looks for the real thrower when it starts.
preload=
for library in libasan.so libubsan.so libstdc++.so; do
	file=$(gcc -print-file-name=$library)
	# It prints a bare name if there is none.
	[ "$file" != "$library" ] || { echo "gcc has no $library here" >&2; exit 77; }
	preload+=${preload:+:}$file
done

# A tree of its own, Python sources and stubs too: it comes before the editable install's.
TERCET_SANITIZE=$sanitizers "$python" setup.py --quiet build --parallel "$(nproc)" \
	--build-base build/sanitized --build-lib "$lib"

# Reports in files: pytest holds the standard error of a test, and a fault ends them both.
reports=$PWD/build/sanitized/report
rm -f "$reports".*
status=0
# - CPython frees little at its end, so that a leak there means nothing; tests/soak looks for ours.
# - pymalloc would hide stray accesses to Python's objects inside its pools.
env \
	LD_PRELOAD="$preload" \
	ASAN_OPTIONS="detect_leaks=0:detect_stack_use_after_return=1:log_path=$reports" \
	UBSAN_OPTIONS="print_stacktrace=1:log_path=$reports" \
	PYTHONMALLOC=malloc \
	PYTHONPATH="$lib" \
	"$python" -m pytest -p no:cacheprovider --timeout 600 "$@" || status=$?
# Of a test's child as well, which the test may not have missed.
for report in "$reports".*; do
	[ -e "$report" ] || continue
	cat "$report" >&2
	status=1
done
exit "$status"
