"""Fixtures: the store's users, and processes on the local AWS with a scripted provider."""

from tests.integration.threads.conftest import ann, make_resources
from tests.integration.turns.conftest import _fresh, _provider, process, provider

__all__ = ["_fresh", "_provider", "ann", "make_resources", "process", "provider"]
