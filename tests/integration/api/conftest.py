"""Fixtures: the apps on the local AWS."""

from tests.support.http_api import anyio_backend, chat, issuer, open_client, resources, stream, token, upload

__all__ = ["anyio_backend", "chat", "issuer", "open_client", "resources", "stream", "token", "upload"]
