"""Every kind of thread item, drawn from a stored thread and from a stream."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from chatkit.types import (
    EndOfTurnItem,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    SDKHiddenContextItem,
    ThreadItem,
    ThreadItemUpdate,
    ThreadStreamEvent,
)
from playwright.sync_api import expect

from tests.e2e.playground import items, widgets
from tests.e2e.playground.backend import Backend
from tests.support import wire_schema

if TYPE_CHECKING:
    from tests.support.chat_page import Chat

THREAD = "thr_seeded"


def one_of_each() -> list[Any]:
    """Return one item of every kind, in the order a turn could have them."""
    picture = GeneratedImage(id="picture", url=widgets.PICTURE)
    call = items.client_tool_call(THREAD, "get_browser_info")
    return [
        items.rich_user(THREAD),
        HiddenContextItem(**items.base(THREAD, "hid"), content="Hidden secret"),
        SDKHiddenContextItem(**items.base(THREAD, "sdk"), content="Hidden secret"),
        items.workflow(THREAD, items.TASKS),
        items.task(THREAD),
        call.model_copy(update={"status": "completed", "output": {"ok": True}}),
        items.widget(THREAD, widgets.task_list()),
        GeneratedImageItem(**items.base(THREAD, "img"), image=picture),
        items.structured_input(THREAD),
        items.assistant(THREAD, "He **sells**."),
        EndOfTurnItem(**items.base(THREAD, "end")),
    ]


def kinds_of_the_sdk() -> set[str]:
    """Return the item kinds that the installed SDK knows."""
    union, _ = get_args(ThreadItem)
    return {kind.model_fields["type"].default for kind in get_args(union)}


ELEMENT = Path(__file__).resolve().parents[3] / "local" / "playground" / "element"
STATE = ELEMENT / "state"


def test_the_page_uses_every_operation_that_the_sdk_has() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in ELEMENT.rglob("*.js"))
    assert [name for name in wire_schema.OPERATIONS if f'"{name}"' not in code] == []


def test_the_page_knows_every_event_and_update_that_the_sdk_has() -> None:
    events, _ = get_args(ThreadStreamEvent)
    for union, module in ((events, "thread.js"), (ThreadItemUpdate, "updates.js")):
        known = set(re.findall(r'case "([a-z_.]+)":', (STATE / module).read_text(encoding="utf-8")))
        named = {kind.model_fields["type"].default for kind in get_args(union)}
        # An effect changes no state: whoever reads the stream hands it to the page.
        assert named - known <= {"client_effect"}


def test_the_gallery_has_every_kind_of_item_that_the_sdk_has() -> None:
    assert {item.type for item in one_of_each()} == kinds_of_the_sdk()


def test_a_stored_thread_draws_every_kind_and_none_of_the_hidden(chat: Chat, backend: Backend) -> None:
    chat.open(backend.seed(*one_of_each()))
    hidden = {"hidden_context_item", "sdk_hidden_context", "end_of_turn"}
    for kind in kinds_of_the_sdk() - hidden:
        expect(chat.items(kind)).to_be_visible()
    for kind in hidden:
        expect(chat.items(kind)).to_have_count(0)
    expect(chat.page.get_by_text("Hidden secret")).to_have_count(0)
    expect(chat.page.get_by_text("cannot show items")).to_have_count(0)


def test_a_users_message_shows_quote_file_and_tag(chat: Chat, backend: Backend) -> None:
    chat.open(backend.seed(items.rich_user(THREAD)))
    message = chat.items("user_message")
    expect(message).to_contain_text("He was hired in May.")
    expect(message).to_contain_text("contract.pdf")
    expect(message.get_by_role("button", name="@Zeeshan")).to_be_visible()


def test_hidden_items_of_a_stream_are_not_drawn(chat: Chat) -> None:
    chat.open().send("silent")
    expect(chat.answer).to_have_text("Spoken.")
    expect(chat.button("Answer again")).to_be_visible()
    expect(chat.page.get_by_text("Hidden secret")).to_have_count(0)


def test_a_workflow_grows_task_by_task_and_folds(chat: Chat) -> None:
    chat.open().send("think")
    workflow = chat.items("workflow")
    expect(workflow.locator(".task")).to_have_count(5)
    expect(workflow).to_contain_text("Read the question twice")
    expect(workflow.get_by_role("link", name="On tomatoes")).to_have_attribute("href", "https://example.com/tomatoes")
    workflow.get_by_role("button", name="Thought it through").click()
    expect(workflow.locator(".task")).to_have_count(0)


def test_a_picture_shows_its_partial_version_before_it_is_done(chat: Chat) -> None:
    chat.open().send("image")
    expect(chat.items("generated_image").get_by_role("progressbar")).to_have_attribute("value", "0.5")
    expect(chat.items("generated_image").get_by_role("progressbar")).to_have_count(0)
    expect(chat.items("generated_image").get_by_role("img", name="Generated picture")).to_be_visible()


def test_a_client_tool_runs_in_the_page_and_its_output_goes_back(chat: Chat, backend: Backend) -> None:
    chat.open().send("tool switch_theme")
    expect(chat.answer).to_contain_text('"theme":"dark"')
    expect(chat.items("client_tool_call")).to_contain_text("Ran switch_theme in this page")
    [output] = backend.requests("threads.add_client_tool_output")
    assert output.json["params"]["result"] == {"theme": "dark"}
    expect(chat.page.locator("openai-chatkit")).to_have_attribute("data-theme", "dark")


def test_a_client_tool_that_the_page_lacks_answers_with_an_error(chat: Chat, backend: Backend) -> None:
    chat.open().send("tool launch_rocket")
    expect(chat.answer).to_contain_text("no client tool named launch_rocket")
    [output] = backend.requests("threads.add_client_tool_output")
    assert list(output.json["params"]["result"]) == ["error"]


def test_questions_are_answered_by_choice_by_own_words_and_by_text(chat: Chat, backend: Backend) -> None:
    chat.open().send("ask")
    form = chat.items("structured_input")
    form.get_by_role("radio", name="Green").check()
    form.get_by_role("checkbox", name="Red").check()
    form.get_by_label("Your own answer: Which sizes?").fill("Huge")
    form.get_by_label("Anything else?").fill("Soon, please")
    form.get_by_role("button", name="Submit").click()
    expect(chat.answer).to_contain_text("answered")
    [sent] = backend.requests("threads.add_structured_input")
    answers = sent.json["params"]["input"]["answers"]
    assert {key: answer["values"] for key, answer in answers.items()} == {
        "colour": ["Green"],
        "sizes": ["Red", "Huge"],
        "note": ["Soon, please"],
    }
    expect(form.get_by_role("definition")).to_have_text(["Green", "Red, Huge", "Soon, please"])


def test_questions_can_be_skipped(chat: Chat, backend: Backend) -> None:
    chat.open().send("ask")
    chat.items("structured_input").get_by_role("button", name="Skip").click()
    expect(chat.items("structured_input").get_by_role("definition")).to_have_text(["Skipped"] * 3)
    [sent] = backend.requests("threads.add_structured_input")
    assert sent.json["params"]["input"]["status"] == "skipped"
