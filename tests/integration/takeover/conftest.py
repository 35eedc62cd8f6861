"""Fixtures: processes on the local AWS with a scripted provider, and the apps with an issuer."""

from tests.integration.turns.conftest import _fresh, _provider, process, provider
from tests.support.http_api import issuer, resources

__all__ = ["_fresh", "_provider", "issuer", "process", "provider", "resources"]
