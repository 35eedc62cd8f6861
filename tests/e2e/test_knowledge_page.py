"""The page's dialog of documents, and the way from an answer's source to the document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.support.browser import open_page
from tests.support.chat_page import TURN_MILLISECONDS, Chat
from tests.support.dev import DevServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    made = DevServer(tmp_path_factory.mktemp("knowledge"), {"KNOWLEDGE": "dynamodb"})
    yield made
    if made.process.poll() is None:
        made.stop()


def test_a_user_adds_a_document_on_the_page_and_opens_it_from_an_answer(
    server: DevServer, profile: BrowserContext, tmp_path: Path
) -> None:
    file = tmp_path / "owls.txt"
    file.write_text("Owls nest in the old barn of the mill.")
    with open_page(profile) as page:
        chat = Chat(page, server.page_url.rstrip("/")).open()
        page.get_by_role("button", name="My documents").click()
        dialog = page.get_by_role("dialog", name="My documents")
        dialog.get_by_label("Add a document").set_input_files(file)
        dialog.get_by_text("owls.txt: can be searched").wait_for(timeout=TURN_MILLISECONDS)
        dialog.get_by_role("button", name="Close").click()
        chat.send('!tool search_knowledge {"question": "owls in the barn"}').finished()
        assert "§" not in chat.answer.inner_text()
        source = page.get_by_role("button", name="owls.txt").first
        # The browser downloads a text, so the new tab has no address.
        with page.expect_response("**/entities/knowledge.*") as answered, profile.expect_page() as opened:
            source.click()
        assert httpx2.get(answered.value.json()["url"]).text == file.read_text()
        opened.value.close()
        page.get_by_role("button", name="My documents").click()
        dialog.get_by_role("button", name="Remove").click()
        dialog.get_by_text("owls.txt").wait_for(state="detached", timeout=TURN_MILLISECONDS)
