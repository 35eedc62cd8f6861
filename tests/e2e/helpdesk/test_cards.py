"""The sample's cards on the page of the dev server."""

from __future__ import annotations

import json
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.support.chat_page import Chat
from tests.support.dev import DevServer


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
