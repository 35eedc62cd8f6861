"""A page of the real dev server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import open_page
from tests.support.chat_page import TURN_MILLISECONDS, Chat
from tests.support.dev import DevServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture
def chat(profile: BrowserContext, dev_server: DevServer) -> Iterator[Chat]:
    """A page that is open on the dev server of the test's folder, with a new conversation."""
    from playwright.sync_api import expect

    expect.set_options(timeout=TURN_MILLISECONDS)
    with open_page(profile) as page:
        yield Chat(page, dev_server.page_url.rstrip("/")).open()
