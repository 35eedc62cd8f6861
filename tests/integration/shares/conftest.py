"""Fixtures: the apps on the local AWS."""

from tests.support.http_api import issuer, resources

__all__ = ["issuer", "resources"]
