"""Fixtures: the store's users, and processes on the local AWS with a scripted provider."""

from tests.integration.threads.conftest import ann, make_resources
from tests.integration.turns.conftest import _fresh, _provider, process, provider
from tests.support.http_api import issuer, resources

__all__ = ["_fresh", "_provider", "ann", "issuer", "make_resources", "process", "provider", "resources"]
