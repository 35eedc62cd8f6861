"""The sample's cards on the page of the dev server."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.browser import open_page
from tests.support.chat_page import Chat
from tests.support.dev import DevServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

TURN_MILLISECONDS = 60_000


@pytest.fixture
def chat(profile: BrowserContext, dev_server: DevServer) -> Iterator[Chat]:
    expect.set_options(timeout=TURN_MILLISECONDS)
    with open_page(profile) as page:
        yield Chat(page, dev_server.page_url.rstrip("/")).open()


def test_the_page_offers_the_samples_tools(dev_server: DevServer) -> None:
    with urllib.request.urlopen(dev_server.page_url + "playground.json", timeout=60) as answer:
        tools = json.load(answer)["composer"]["tools"]
    assert [tool["label"] for tool in tools] == ["Search help", "List tasks"]


@pytest.mark.parametrize(
    "words", ["List my tasks", "my invoice 501", "open a ticket for the printer", "refund invoice 502 please"]
)
def test_a_reload_shows_the_same_card(chat: Chat, words: str) -> None:
    chat.send(words)
    expect(chat.items("widget")).to_be_visible()
    chat.check_reload()
