"""The page's dialog makes a link, another page shows the snapshot, and a revoked link shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.browser import open_page
from tests.support.chat_page import Chat

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


def test_a_link_shows_the_conversation_until_it_is_revoked(chat: Chat, profile: BrowserContext) -> None:
    chat.send("words to share")
    expect(chat.answer).to_contain_text("words to share")
    expect(chat.button("Send")).to_be_visible()
    chat.button("Share").click()
    dialog = chat.page.get_by_role("dialog", name="Share")
    # Links for everybody are off.
    expect(dialog.get_by_label("Who can read it")).to_be_hidden()
    dialog.get_by_label("Works for").select_option("1 day")
    dialog.get_by_role("button", name="Make a link").click()
    link = dialog.get_by_role("link").text_content()
    assert link is not None
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert chat.page.evaluate("navigator.clipboard.readText()") == link
    with open_page(profile) as other:
        other.goto(link)
        shared = other.get_by_role("dialog", name="Shared conversation")
        expect(shared.locator("[data-said=user_message]")).to_have_text(["words to share"])
        dialog.get_by_role("button", name="Revoke").click()
        expect(dialog.get_by_role("button", name="Revoke")).to_have_count(0)
        other.reload()
        expect(shared.get_by_role("alert")).to_have_text("Not found.")


def test_the_dialog_is_opened_used_and_closed_by_keyboard(chat: Chat) -> None:
    page = chat.page
    chat.send("words to share by keyboard").finished()
    chat.button("Share").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Share")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    for label in ("Works for", "With files and pictures"):
        page.keyboard.press("Tab")
        expect(dialog.get_by_label(label)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    revoke = dialog.get_by_role("listitem").filter(has_text="by keyboard").get_by_role("button", name="Revoke")
    revoke.focus()
    page.keyboard.press("Enter")
    # The button that had the focus goes. The focus stays in the dialog.
    expect(revoke).to_have_count(0)
    assert dialog.evaluate("(dialog) => dialog.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(chat.button("Share")).to_be_focused()
