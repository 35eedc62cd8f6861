"""Fixtures: the apps on the local AWS."""

from tests.support.http_api import anyio_backend, issuer, resources

__all__ = ["anyio_backend", "issuer", "resources"]
