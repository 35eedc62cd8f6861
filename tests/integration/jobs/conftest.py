"""Fixtures: processes on the local AWS with a scripted provider."""

from tests.integration.turns.conftest import _fresh, _provider, process, provider

__all__ = ["_fresh", "_provider", "process", "provider"]
