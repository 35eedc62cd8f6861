"""Fixtures of the streaming runtime's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stream_process import ROOT


@pytest.fixture
def no_uvloop(tmp_path: Path) -> str:
    """A PYTHONPATH on which uvloop cannot be imported, as in a function that does not bring it."""
    (tmp_path / "uvloop.py").write_text("raise ImportError('not in this function')\n")
    return f"{tmp_path}:{ROOT}"
