"""The page's dialog: a question is edited here, or in a new conversation, on the real dev server."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.chat_page import Chat


def test_a_question_is_edited_here_and_in_a_new_conversation(chat: Chat) -> None:
    chat.send("a first question")
    expect(chat.answer).to_contain_text("a first question")
    expect(chat.button("Send")).to_be_visible()
    chat.button("Edit or fork").click()
    chat.button("Edit here").click()
    chat.page.get_by_role("dialog", name="Edit or fork").wait_for(state="hidden")
    # The question is in the composer, and the user changes it.
    expect(chat.composer).to_have_value("a first question")
    chat.send("an edited question")
    expect(chat.items("user_message")).to_have_text(["an edited question"])
    expect(chat.answer).to_contain_text("an edited question")
    here = chat.page.url
    chat.button("Edit or fork").click()
    chat.button("Edit in a new conversation").click()
    expect(chat.page).not_to_have_url(here)
    expect(chat.items("user_message")).to_have_count(0)
    expect(chat.composer).to_have_value("an edited question")
    chat.send("asked elsewhere")
    expect(chat.answer).to_contain_text("asked elsewhere")
    chat.page.goto(here)
    chat.page.reload()
    expect(chat.items("user_message")).to_have_text(["an edited question"])
