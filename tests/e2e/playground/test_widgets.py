"""Widgets: every component is drawn, updates arrive in place, actions carry what the user entered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

from chatkit.widgets import Card, StrictWidgetComponent, StrictWidgetRoot, Text
from playwright.sync_api import expect

from tests.e2e.playground import items, widgets
from tests.e2e.playground.backend import Backend

if TYPE_CHECKING:
    from tests.support.chat_page import Chat


def types_in(node: Any) -> Iterator[str]:
    """Yield the type of a component and of all below it."""
    yield node["type"]
    children = node.get("children") or []
    for child in children if isinstance(children, list) else [children]:
        yield from types_in(child)


def test_the_gallery_has_every_component_that_the_sdk_has() -> None:
    known = {
        kind.model_fields["type"].default
        for union in (StrictWidgetComponent, StrictWidgetRoot)
        for kind in get_args(get_args(union)[0])
    }
    shown = {name for root in widgets.BY_NAME.values() for name in types_in(root.model_dump(mode="json"))}
    assert known - shown == set()


def test_every_component_that_shows_something_is_drawn(chat: Chat) -> None:
    chat.open().send("widget layout")
    card = chat.items("widget")
    expect(card.get_by_role("img", name="A blue field")).to_be_visible()
    expect(card.get_by_role("heading", name="Madeira")).to_be_visible()
    expect(card.locator(".w-status")).to_have_text("Every component that shows")
    for text in ("Four days in May", "Confirmed", "Comes softly", "A box with a dashed border"):
        expect(card.get_by_text(text)).to_be_visible()
    expect(card.locator("[data-icon=maps]")).to_be_visible()
    expect(card.get_by_role("link", name="link")).to_be_visible()
    expect(card.get_by_role("separator")).to_be_visible()
    expect(card.get_by_role("button", name="Off")).to_be_disabled()
    expect(card.get_by_text("Unknown component")).to_have_count(0)


def test_charts_draw_a_shape_for_every_value(chat: Chat) -> None:
    chat.open().send("widget charts")
    charts = chat.items("widget").locator("svg[role=img]")
    expect(charts).to_have_count(2)
    first, second = charts.all()
    expect(first.locator("rect")).to_have_count(8)
    heights = [float(bar.get_attribute("height") or 0) for bar in first.locator("rect").all()[:4]]
    assert heights == sorted(heights)
    assert heights[0] > 0
    expect(first.locator("title").first).to_have_text("Mon · Sent: 10")
    expect(second.locator("path.line")).to_have_count(2)
    expect(second.locator("circle")).to_have_count(16)
    expect(second.get_by_text("Jan", exact=True)).to_be_visible()


def test_a_table_is_drawn_and_an_unknown_component_is_named(chat: Chat) -> None:
    chat.open().send("widget table")
    expect(chat.items("widget").get_by_role("cell", name="4.50")).to_be_visible()
    expect(chat.items("widget").get_by_text("Unknown component “Hologram”")).to_be_visible()


def test_a_click_on_a_row_runs_its_action_and_the_list_changes_in_place(chat: Chat, backend: Backend) -> None:
    chat.open().send("widget tasks")
    rows = chat.items("widget").locator(".w-list-item")
    expect(rows).to_have_count(3)
    chat.button("Show 1 more").click()
    expect(rows).to_have_count(4)
    rows.nth(1).get_by_role("button").click()
    expect(rows.nth(1).locator("[data-icon=check-circle]")).to_be_visible()
    expect(chat.items("widget")).to_have_count(1)
    [action] = backend.requests("threads.custom_action")
    params = action.json["params"]
    assert params["action"] == {"type": "task.complete", "payload": {"id": 2}}
    assert params["item_id"] == chat.items("widget").get_attribute("data-item-id")


def test_a_row_answers_to_the_keyboard(chat: Chat, backend: Backend) -> None:
    chat.open().send("widget tasks")
    row = chat.items("widget").locator(".w-list-item").first
    row.get_by_role("button").focus()
    chat.page.keyboard.press("Enter")
    expect(row.locator("[data-icon=check-circle]")).to_be_visible()


def test_a_form_sends_its_values_nested_by_their_names(chat: Chat, backend: Backend) -> None:
    chat.open().send("widget form")
    form = chat.items("widget")
    form.get_by_label("Name").fill("Ann")
    form.get_by_label("Guests").fill("3")
    form.get_by_label("Room").select_option("Cellar")
    form.get_by_label("Day").fill("2026-06-01")
    form.get_by_role("radio", name="Salad").check()
    book = form.get_by_role("button", name="Book")
    book.click()
    assert backend.requests("threads.custom_action") == [], "a required box is not ticked yet"
    form.get_by_label("I agree").check()
    book.click()
    expect(chat.answer).to_contain_text("Action form.submit")
    [action] = backend.requests("threads.custom_action")
    assert action.json["params"]["action"]["payload"] == {
        "form": "signup",
        "person": {"name": "Ann"},
        "guests": 3,
        "note": "No nuts",
        "room": "cellar",
        "day": "2026-06-01",
        "meal": "salad",
        "terms": True,
        "title": "Editable text",
    }


def test_a_card_confirms_with_its_fields_and_cancels(chat: Chat, backend: Backend) -> None:
    chat.open().send("widget card-form")
    chat.items("widget").get_by_label("subject").fill("Dear Ann")
    chat.button("Send").first.click()
    expect(chat.answer).to_contain_text('Action mail.send with {"subject": "Dear Ann"}')
    chat.button("Discard").click()
    expect(chat.answer).to_contain_text("Action mail.discard")


def test_an_action_can_stay_in_the_page_or_take_one_answer_without_a_stream(chat: Chat, backend: Backend) -> None:
    messages: list[str] = []
    chat.page.on("console", lambda message: messages.append(message.text))
    chat.open().send("widget controls")
    chat.button("In the page").click()
    chat.button("At once").click()
    expect(chat.items("widget")).to_have_text("Counted 5")
    assert backend.requests("threads.custom_action") == []
    assert len(backend.requests("threads.sync_custom_action")) == 1
    assert any("widget action handled in the page" in message for message in messages)


def test_a_control_outside_a_form_sends_its_own_value(chat: Chat, backend: Backend) -> None:
    chat.open().send("widget controls")
    chat.items("widget").get_by_role("combobox").select_option("Done")
    expect(chat.answer).to_contain_text('Action filter with {"filter": {"state": "done"}}')
    chat.items("widget").get_by_label("Loud").check()
    expect(chat.answer).to_contain_text('Action toggle with {"loud": true}')


def test_a_text_of_a_stopped_turn_does_not_look_as_if_it_were_being_written(chat: Chat, backend: Backend) -> None:
    chat.open().send("widget-unfinished")
    text = chat.page.locator(".w-text")
    expect(text).to_contain_text("word word")
    cursor = "element => getComputedStyle(element, '::after').content"
    assert text.evaluate(cursor) == '""'
    stopped = Card(children=[Text(value="word", streaming=True)])
    chat.open(backend.seed(items.widget("thr_seeded", stopped)))
    expect(text).to_have_text("word")
    assert text.evaluate(cursor) == "none"


def test_a_widget_streams_its_text_and_changes_by_component_and_whole(chat: Chat) -> None:
    chat.open().send("widget-updates")
    widget = chat.items("widget")
    expect(widget.get_by_role("heading")).to_have_text("A tale")
    expect(widget.get_by_text("Once upon a time.")).to_be_visible()
    expect(widget.get_by_role("heading")).to_have_text("The end")
