"""What the page on the SDK shows is what happens: its examples are one session, run again."""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import re
from contextlib import redirect_stdout
from typing import Any

import pytest

from tests.integration.meshes import ROOT, Mesh

PAGE = (ROOT / "docs" / "sdk.md").read_text()
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n(?:```\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


async def test_the_examples(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    examples = EXAMPLE.findall(PAGE)
    assert len(examples) == PAGE.count("```python")
    try:
        for code, expected in examples:
            # As `python -m asyncio` compiles it.
            compiled = compile(
                code.replace("localhost:50050", mesh.gateway),
                "docs/sdk.md",
                "exec",
                flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            )
            shown = io.StringIO()
            with redirect_stdout(shown):
                if compiled.co_flags & inspect.CO_COROUTINE:
                    await eval(compiled, names)
                elif "connect_sync" in code:
                    # It blocks, and this thread's loop has a client too.
                    await asyncio.to_thread(exec, compiled, names)
                else:
                    exec(compiled, names)
            assert shown.getvalue() == expected, code
    finally:
        if "client" in names:
            await names["client"].close()
