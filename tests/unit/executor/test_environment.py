from __future__ import annotations

import pytest

from tercet.executor.environment import environment


def test_nothing_of_the_service_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("PATH", "/evil")
    monkeypatch.setenv("LD_PRELOAD", "/evil.so")
    made = environment()
    assert made.keys() == {"PATH", "LANG", "HOME", "TMPDIR"}
    assert "/evil" not in made["PATH"]


def test_every_caller_gets_a_copy_of_its_own() -> None:
    environment()["PATH"] = "changed"
    assert environment()["PATH"] != "changed"
