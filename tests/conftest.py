"""Fixtures for every test."""

from __future__ import annotations

pytest_plugins = [
    "tests.support.aws",
    "tests.support.browser",
    "tests.support.build",
    "tests.support.dev",
    "tests.support.rie",
]
