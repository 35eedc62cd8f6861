"""A dev server with the sample."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.dev import DevServer


@pytest.fixture(scope="session")
def dev_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    chosen = {"AGENT_FACTORY": "helpdesk:build_agent", "SUPPORT_ROLES": "support"}
    server = DevServer(tmp_path_factory.mktemp("helpdesk"), chosen)
    yield server
    if server.process.poll() is None:
        server.stop()
