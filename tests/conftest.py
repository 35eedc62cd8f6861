"""Fixtures for every test."""

from __future__ import annotations

import pytest

pytest_plugins = [
    "tests.support.aws",
    "tests.support.browser",
    "tests.support.build",
    "tests.support.dev",
    "tests.support.rie",
]


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of every coroutine test: the one that Lambda's runtimes have."""
    return "asyncio"
