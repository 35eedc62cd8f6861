"""Fixtures: the apps on the local AWS."""

from tests.support.http_api import anyio_backend, issuer, open_client, resources, token, upload

__all__ = ["anyio_backend", "issuer", "open_client", "resources", "token", "upload"]
