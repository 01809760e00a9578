"""The hand-written .pyi files say what the compiled modules have."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
MODULES = sorted(
    ".".join(source.relative_to(NATIVE).with_suffix("").parts) for source in NATIVE.rglob("*.pyx")
)


# Where Cython keeps what other native modules cimport.
CAPI = r".*\.__pyx_capi__"


def test_stubs_match_the_compiled_modules(tmp_path: Path) -> None:
    assert MODULES
    allowed = tmp_path / "allowed"
    allowed.write_text(CAPI)
    checked = ["--concise", "--ignore-unused-allowlist", f"--allowlist={allowed}", *MODULES]
    command = [sys.executable, "-m", "mypy.stubtest", *checked]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
