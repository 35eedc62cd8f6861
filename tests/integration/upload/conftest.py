"""Fixtures: the apps on the local AWS."""

from tests.support.http_api import issuer, open_client, resources, token, upload

__all__ = ["issuer", "open_client", "resources", "token", "upload"]
