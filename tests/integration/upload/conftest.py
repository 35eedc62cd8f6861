"""Fixtures: the apps on the local AWS."""

from tests.support.http_api import chat, issuer, open_client, resources, token, upload

__all__ = ["chat", "issuer", "open_client", "resources", "token", "upload"]
