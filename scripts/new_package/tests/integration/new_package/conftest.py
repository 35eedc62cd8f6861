"""Fixtures: the API over HTTP with these agents and the demo model, on the local AWS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.aws import Aws
from tests.support.http_api import issuer, open_client, resources, token

__all__ = ["issuer", "open_client", "resources", "token"]


@pytest.fixture(scope="module")
def table_and_bucket(table_and_bucket: Aws) -> Aws:
    return replace(table_and_bucket, agent_factory="new_package:build_agent")
