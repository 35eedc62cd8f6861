"""The page shows, changes and removes what the assistant keeps, finds a conversation, and shows an admin the usage."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.chat_page import Chat


def test_a_fact_is_kept_changed_and_forgotten_and_a_conversation_is_found(chat: Chat) -> None:
    chat.send('!tool remember {"fact": "Likes grey herons."}')
    expect(chat.page.get_by_text("Kept for later conversations")).to_be_visible()
    expect(chat.button("Send")).to_be_visible()
    chat.page.get_by_role("button", name="Memory").click()
    memory = chat.page.get_by_role("dialog", name="Memory")
    expect(memory.get_by_role("heading", name="Memory")).to_be_visible()
    expect(memory.get_by_text("Source: you asked for it")).to_be_visible()
    expect(memory.get_by_label("Fact")).to_have_value("Likes grey herons.")
    memory.get_by_label("Fact").fill("Likes white storks.")
    memory.get_by_role("button", name="Save").click()
    memory.get_by_role("button", name="Close").click()
    chat.page.get_by_role("button", name="Memory").click()
    expect(memory.get_by_label("Fact")).to_have_value("Likes white storks.")
    memory.get_by_role("button", name="Close").click()
    # The button on the card forgets it.
    chat.page.get_by_role("button", name="Forget").click()
    expect(chat.page.get_by_text("Forgotten").first).to_be_visible()
    chat.page.get_by_role("button", name="Memory").click()
    expect(memory.get_by_text("0 of 100 facts")).to_be_visible()
    memory.get_by_role("button", name="Close").click()

    box = chat.page.get_by_role("searchbox", name="Search conversations")
    box.fill("HERON")
    box.press("Enter")
    found = chat.page.get_by_role("dialog", name="Search")
    expect(found.locator("mark").first).to_have_text("herons")
    found.locator("section button").first.click()
    expect(found).to_be_hidden()


def test_an_admin_sees_the_usage_of_the_tenant(chat: Chat) -> None:
    chat.page.get_by_role("button", name="Panel").click()
    chat.page.get_by_role("button", name="boss (admin)").click()
    expect(chat.page.locator("#panel dd").filter(has_text="boss")).to_be_visible()
    chat.send("Hello")
    expect(chat.page.locator("openai-chatkit").get_by_text("You said")).to_be_visible()
    expect(chat.button("Send")).to_be_visible()
    chat.page.get_by_text("Usage of the tenant").click()
    part = chat.page.locator("details", has=chat.page.get_by_text("Usage of the tenant"))
    part.get_by_role("button", name="Look").click()
    expect(part.locator("tbody tr").filter(has_text="boss")).to_have_count(1)
    with chat.page.expect_download() as download:
        part.get_by_role("button", name="Download as CSV").click()
    assert download.value.suggested_filename == "usage.csv"
