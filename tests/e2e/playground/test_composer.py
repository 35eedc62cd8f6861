"""The composer: tags, files, models, tools, dictation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import FilePayload, expect

from tests.e2e.playground.backend import Backend

if TYPE_CHECKING:
    from tests.support.chat_page import Chat

NOTE: FilePayload = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"hello file"}


def sent_input(backend: Backend) -> dict[str, Any]:
    """Return the input of the one message that was sent."""
    [request] = backend.requests("threads.create")
    value: dict[str, Any] = request.json["params"]["input"]
    return value


def test_an_entity_is_tagged_by_keyboard_and_sent_as_a_tag(chat: Chat, backend: Backend) -> None:
    chat.open()
    chat.composer.press_sequentially("Ask @zee")
    expect(chat.page.get_by_role("option", name="Zeeshan")).to_be_visible()
    chat.composer.press("Enter")
    expect(chat.composer).to_have_value("Ask @Zeeshan ")
    chat.page.wait_for_timeout(100)
    chat.composer.press_sequentially("about it")
    chat.composer.press("Enter")
    expect(chat.items("user_message").get_by_role("button", name="@Zeeshan")).to_be_visible()
    expect(chat.answer).to_be_visible()
    ask, tag, rest = sent_input(backend)["content"]
    assert ask == {"type": "input_text", "text": "Ask "}
    assert (tag["type"], tag["id"], tag["text"]) == ("input_tag", "employee-7", "Zeeshan")
    assert rest == {"type": "input_text", "text": " about it"}


def test_a_file_goes_up_directly_and_with_the_message(chat: Chat, backend: Backend) -> None:
    chat.open()
    chat.page.locator("input[type=file]").set_input_files(NOTE)
    expect(chat.page.get_by_role("list", name="Attachments")).to_contain_text("10 B")
    chat.send("hello")
    expect(chat.items("user_message")).to_contain_text("note.txt")
    expect(chat.answer).to_be_visible()
    [attachment_id] = sent_input(backend)["attachments"]
    assert backend.files.content[attachment_id] == b"hello file"


def test_a_file_goes_up_in_two_phases_and_the_bucket_gets_no_token(chat: Chat, backend: Backend) -> None:
    chat.open()
    chat.page.get_by_label("Upload").select_option("two_phase")
    chat.page.get_by_label("Token").fill("a.b.c")
    chat.page.get_by_label("Token").press("Enter")
    chat.page.locator("input[type=file]").set_input_files(NOTE)
    expect(chat.page.get_by_role("list", name="Attachments")).to_contain_text("10 B")
    [create] = backend.requests("attachments.create")
    assert create.headers["authorization"] == "Bearer a.b.c"
    assert create.json["params"] == {"name": "note.txt", "size": 10, "mime_type": "text/plain"}
    [put] = [request for request in backend.received if request.method == "PUT"]
    assert put.body == b"hello file"
    assert "authorization" not in put.headers
    assert put.headers["if-none-match"] == "*"


def test_a_file_is_taken_out_again_and_forgotten_by_the_server(chat: Chat, backend: Backend) -> None:
    chat.open()
    chat.page.locator("input[type=file]").set_input_files(NOTE)
    attachments = chat.page.get_by_role("list", name="Attachments")
    expect(attachments.get_by_role("listitem")).to_have_attribute("aria-busy", "false")
    with chat.page.expect_response(lambda response: "attachments.delete" in (response.request.post_data or "")):
        chat.button("Remove note.txt").click()
    expect(attachments).to_have_count(0)
    chat.send("hello")
    expect(chat.answer).to_be_visible()
    assert sent_input(backend)["attachments"] == []
    assert backend.store.attachments == {}


def test_a_file_that_the_server_refuses_says_why_and_blocks_nothing_else(chat: Chat) -> None:
    chat.open()
    chat.page.locator("input[type=file]").set_input_files(
        {"name": "virus.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"}
    )
    expect(chat.page.get_by_role("alert")).to_have_text("Programs are not allowed.")
    chat.button("Remove virus.exe").click()
    chat.send("hello")
    expect(chat.answer).to_have_text("You said: hello")


def test_the_chosen_model_and_tool_go_with_the_message(chat: Chat, backend: Backend) -> None:
    chat.open()
    chat.page.get_by_role("combobox", name="Model").select_option("Deep")
    chat.button("Tools").click()
    chat.page.get_by_role("menuitemradio", name="Search the web").click()
    expect(chat.composer).to_have_attribute("placeholder", "Search for…")
    chat.send("hello")
    expect(chat.answer).to_be_visible()
    assert sent_input(backend)["inference_options"] == {"tool_choice": {"id": "search"}, "model": "deep"}
    expect(chat.composer).not_to_have_attribute("placeholder", "Search for…")


def test_a_pinned_tool_is_one_click_away(chat: Chat, backend: Backend) -> None:
    chat.open()
    chat.button("Draw").click()
    expect(chat.button("Draw")).to_have_attribute("aria-pressed", "true")
    chat.send("hello")
    expect(chat.answer).to_be_visible()
    assert sent_input(backend)["inference_options"]["tool_choice"] == {"id": "draw"}


def test_dictation_records_and_adds_the_text(chat: Chat, backend: Backend) -> None:
    chat.open()
    chat.composer.fill("Here are")
    chat.button("Dictate").click()
    expect(chat.button("Finish dictation")).to_be_visible()
    chat.page.wait_for_timeout(500)
    chat.button("Finish dictation").click()
    expect(chat.composer).to_have_value("Here are spoken words")
    [audio] = backend.audio
    assert audio.media_type == "audio/webm"
    assert audio.data[:4] == b"\x1aE\xdf\xa3", "a WebM file begins so"


def test_shift_enter_makes_a_line_and_enter_sends(chat: Chat, backend: Backend) -> None:
    chat.open()
    chat.composer.fill("one")
    chat.composer.press("Shift+Enter")
    chat.composer.press_sequentially("two")
    chat.composer.press("Enter")
    expect(chat.answer).to_be_visible()
    assert sent_input(backend)["content"] == [{"type": "input_text", "text": "one\ntwo"}]


def test_nothing_is_sent_while_there_is_nothing_to_send(chat: Chat, backend: Backend) -> None:
    chat.open()
    expect(chat.button("Send")).to_be_disabled()
    chat.composer.press("Enter")
    chat.composer.fill("   ")
    expect(chat.button("Send")).to_be_disabled()
    assert backend.received == []


def test_text_selected_in_an_answer_is_quoted_in_the_next_message(chat: Chat, backend: Backend) -> None:
    chat.open().send("hello")
    expect(chat.button("Answer again")).to_be_visible()
    chat.answer.locator("p").click(click_count=3)
    chat.button("Quote").click()
    expect(chat.composer).to_be_focused()
    chat.send("What do you mean?")
    expect(chat.items("user_message").last.locator("blockquote")).to_have_text("You said: hello")
    expect(chat.answer).to_have_text("You said: What do you mean?")
    [request] = backend.requests("threads.add_user_message")
    assert request.json["params"]["input"]["quoted_text"] == "You said: hello"
