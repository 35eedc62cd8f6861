"""A user's page and the staff's page: a person is asked for, answers, and hands the conversation back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.browser import open_page
from tests.support.chat_page import Chat
from tests.support.dev import DevServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

TURN_MILLISECONDS = 60_000


def as_user(chat: Chat, token: str) -> Chat:
    chat.page.get_by_label("Token").fill(token)
    chat.page.get_by_label("Token").press("Enter")
    return chat


def test_a_person_answers_on_another_page_and_hands_back(profile: BrowserContext, dev_server: DevServer) -> None:
    expect.set_options(timeout=TURN_MILLISECONDS)
    url = dev_server.page_url.rstrip("/")
    assert profile.browser is not None
    with open_page(profile) as mine, open_page(profile.browser.new_context()) as theirs:
        ann = as_user(Chat(mine, url).open(), dev_server.token(user="ann"))
        ann.send('!tool ask_for_a_person {"reason": "The invoice is wrong."}')
        expect(mine.get_by_text("A person answers here.")).to_be_visible()
        expect(ann.button("Memory")).to_be_visible()
        expect(ann.button("People")).to_be_hidden()
        sam = as_user(Chat(theirs, url).open(), dev_server.token(user="sam", role="support", name="Sam <b> *"))
        sam.button("People").click()
        expect(theirs.get_by_role("dialog")).to_contain_text("The invoice is wrong.")
        theirs.get_by_role("button", name="Open", exact=True).click()
        sam.button("Take over").click()
        expect(ann.answer).to_contain_text("Sam <b> * answers here now.")
        log = theirs.get_by_role("log", name="Conversation")
        # The name is stored with the marks of Markdown escaped. Both pages show it as it is.
        expect(log).to_contain_text("Sam <b> * answers here now.")
        theirs.get_by_label("Your words").fill("Which <i>invoice</i> is it?")
        theirs.get_by_role("button", name="Say", exact=True).click()
        for shown in (ann.answer, log):
            expect(shown).to_contain_text("Sam <b> *: Which <i>invoice</i> is it?")
        ann.send(r"number \<b\>501\</b\>")
        expect(mine.get_by_text("A person is answering here.")).to_be_visible()
        expect(theirs.locator("[data-said=user_message]").last).to_have_text(r"number \<b\>501\</b\>")
        expect(log.locator("b, i")).to_have_count(0)
        sam.button("Hand back").click()
        expect(ann.answer).to_contain_text("The assistant answers here again.")
        expect(mine.get_by_text("A person answers here.")).to_be_hidden()
        # The user asks again by the page's own button.
        ann.button("Ask for a person").click()
        mine.get_by_label("What is it about?").fill("The refund is late.")
        mine.get_by_role("button", name="Ask", exact=True).click()
        expect(mine.get_by_text("A person answers here.")).to_be_visible()
        sam.button("People").click()
        expect(theirs.get_by_role("dialog")).to_contain_text("The refund is late.")
        ann.button("Back to the assistant").click()
        expect(mine.get_by_text("A person answers here.")).to_be_hidden()
        ann.send("hello again")
        expect(ann.answer).to_contain_text("hello again")
