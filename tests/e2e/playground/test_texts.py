"""The element's texts: one table a language, English in the code, and languages that are written from right to left."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.playground import items
from tests.e2e.playground.app import PAGE, Gallery
from tests.e2e.playground.backend import Backend
from tests.e2e.playground.test_element import start
from tests.support.browser import open_page

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from tests.support.chat_page import Chat

TEXT = r'"((?:[^"\\]|\\.)*)"'


def test_every_text_of_the_element_and_the_page_is_in_the_table_and_no_other() -> None:
    folders = PAGE / "element", PAGE / "page"
    modules = [path for folder in folders for path in folder.rglob("*.js") if path.name != "texts.js"]
    said = set(re.findall(rf"data-say(?:-[a-z]+)?={TEXT}", (PAGE / "index.html").read_text(encoding="utf-8")))
    said |= {
        text
        for path in [*modules, PAGE / "app.js"]
        for text in re.findall(rf"\bsay\({TEXT}", path.read_text(encoding="utf-8"))
    }
    table = (PAGE / "element" / "texts.js").read_text(encoding="utf-8")
    translated = set(re.findall(rf"^  {TEXT}:", table, re.MULTILINE))
    assert said - translated == set(), "texts without a translation"
    assert translated - said == set(), "translations that no view uses"


def test_the_option_locale_changes_the_language(chat: Chat) -> None:
    start(chat).page.evaluate("kit.setOptions({...options, locale: 'de-AT'})")
    expect(chat.page.get_by_role("heading", name="Wobei kann ich heute helfen?")).to_be_visible()
    chat.page.get_by_role("textbox", name="Nachricht").fill("hello")
    chat.page.get_by_role("button", name="Senden").click()
    expect(chat.answer).to_have_text("You said: hello")
    chat.page.get_by_role("button", name="Verlauf").click()
    expect(chat.page.get_by_role("button", name="About hello löschen")).to_be_visible()
    chat.page.evaluate("kit.setOptions({...options, locale: 'en'})")
    expect(chat.page.get_by_role("button", name="Delete About hello")).to_be_visible()


def test_the_page_is_in_the_browsers_language(profile: BrowserContext, gallery: Gallery) -> None:
    assert profile.browser is not None
    german = profile.browser.new_context(locale="de-DE")
    with open_page(german) as page:
        page.goto(gallery.url)
        expect(page.get_by_label("Endpunkt")).to_be_visible()
        page.get_by_role("button", name="Entwickler").click()
        expect(page.get_by_role("complementary", name="Entwicklerbereich")).to_contain_text("Demobefehle")
        expect(page.get_by_role("button", name="Meine Aufgaben zeigen")).to_be_visible()
        assert page.evaluate("document.documentElement.lang") == "de-DE"
    german.close()


@pytest.mark.parametrize("locale", ["ar", "he-IL"])
def test_a_language_from_right_to_left_turns_the_chat_round(chat: Chat, locale: str) -> None:
    start(chat, f"locale: '{locale}', threadItemActions: {{feedback: true}}")
    chat.send("rich").finished()
    bubble = chat.items("user_message").locator(".bubble").bounding_box()
    answer = chat.answer.bounding_box()
    assert bubble is not None
    assert answer is not None
    assert bubble["x"] < answer["x"] + 30, "the user's words stand on the left"


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_words_are_read_in_the_direction_of_their_own_language(chat: Chat, backend: Backend, locale: str) -> None:
    start(chat, f"locale: '{locale}'")
    for words, direction in (("مرحبا بالعالم.", "rtl"), ("Hello world.", "ltr")):
        thread_id = f"thr_{direction}"
        thread = backend.seed(items.user(thread_id, words), items.assistant(thread_id, words), thread_id=thread_id)
        chat.page.evaluate("thread => document.querySelector('openai-chatkit').setThreadId(thread)", thread)
        for shown in (chat.items("user_message").locator(".bubble"), chat.answer.locator("p")):
            expect(shown).to_have_text(words)
            expect(shown).to_have_css("direction", direction)
