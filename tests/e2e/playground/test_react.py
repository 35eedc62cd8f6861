"""The element under the unmodified `@openai/chatkit-react`: it takes the place of the one from the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.e2e.playground.backend import Backend
    from tests.support.chat_page import Chat


@pytest.mark.usefixtures("packages")
def test_the_react_package_finds_the_element_sets_it_up_and_hears_its_events(chat: Chat, backend: Backend) -> None:
    chat.open(path="/pages/react.html")
    expect(chat.page.get_by_role("heading", name="Hello from React")).to_be_visible()
    chat.button("Say hello").click()
    expect(chat.answer).to_have_text("You said: hello")
    expect(chat.page.get_by_label("Told")).to_have_text("ready, thread, response.end")
    chat.send("tool measure")
    expect(chat.answer).to_contain_text('"output":{"ran":"measure"}')
    assert len(backend.requests("threads.add_client_tool_output")) == 1
