"""The text of the plain call: deltas in order, and last the final text."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ErrorEvent,
    ProgressUpdateEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
    WidgetItem,
)
from chatkit.widgets import Card, Text

from assistant.api.plain import Answer, plain_frames
from assistant.errors import StoreUnavailableError

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def delta(text: str, item_id: str = "msg_1") -> ThreadItemUpdatedEvent:
    return ThreadItemUpdatedEvent(
        item_id=item_id, update=AssistantMessageContentPartTextDelta(content_index=0, delta=text)
    )


def message(text: str, item_id: str = "msg_1") -> AssistantMessageItem:
    return AssistantMessageItem(
        id=item_id, thread_id="thr_1", created_at=NOW, content=[AssistantMessageContent(text=text)]
    )


def done(text: str, item_id: str = "msg_1") -> ThreadItemDoneEvent:
    return ThreadItemDoneEvent(item=message(text, item_id))


def said(*events: ThreadStreamEvent) -> tuple[list[str], str]:
    """Return what each event adds, and the text in the end."""
    answer = Answer()
    return [answer.take(event) for event in events], answer.text


def test_deltas_are_passed_on_as_they_come() -> None:
    assert said(delta("Hel"), delta("lo"), done("Hello")) == (["Hel", "lo", ""], "Hello")


class Piece(str):
    """Text that may be joined once, at the end, and not at each delta."""

    def __radd__(self, before: str) -> str:
        assert not before, "what came before is copied for each delta"
        return str(self)


def test_a_delta_costs_by_its_own_length() -> None:
    answer = Answer()
    for _ in range(3):
        event = delta("")
        event.update = AssistantMessageContentPartTextDelta.model_construct(content_index=0, delta=Piece("word "))
        assert answer.take(event) == "word "
    assert answer.text == "word word word "


def test_a_part_that_begins_with_text_is_a_delta() -> None:
    added = ThreadItemUpdatedEvent(
        item_id="msg_1",
        update=AssistantMessageContentPartAdded(content_index=0, content=AssistantMessageContent(text="Hel")),
    )
    assert said(added, delta("lo")) == (["Hel", "lo"], "Hello")


def test_a_message_that_comes_whole_is_one_delta() -> None:
    assert said(done("Hello")) == (["Hello"], "Hello")


def test_two_messages_are_two_paragraphs_in_the_deltas_too() -> None:
    added, text = said(delta("One"), done("One"), delta("Two", "msg_2"), done("Two", "msg_2"))
    assert text == "One\n\nTwo"
    assert "".join(added) == text


def test_a_widget_contributes_its_copy_text() -> None:
    widget = WidgetItem(
        id="wid_1", thread_id="thr_1", created_at=NOW, widget=Card(children=[Text(value="1")]), copy_text="#1 Milk"
    )
    silent = widget.model_copy(update={"id": "wid_2", "copy_text": None})
    added, text = said(done("Your tasks:"), ThreadItemDoneEvent(item=widget), ThreadItemDoneEvent(item=silent))
    assert added == ["Your tasks:", "\n\n#1 Milk", ""]
    assert text == "Your tasks:\n\n#1 Milk"


def test_a_removed_item_is_not_in_the_answer() -> None:
    assert said(delta("secret"), ThreadItemRemovedEvent(item_id="msg_1"))[1] == ""
    assert said(delta("draft"), done("draft"), ThreadItemReplacedEvent(item=message("final")))[1] == "final"


class Turn:
    turn_id = "turn_1"
    thread_id = "thr_1"
    error: BaseException | None = None

    def __init__(self, *said: ThreadStreamEvent | Exception) -> None:
        self._said = said

    async def events(self) -> AsyncIterator[ThreadStreamEvent]:
        for each in self._said:
            if isinstance(each, Exception):
                raise each
            yield each

    async def wait(self) -> None:
        return


async def frames(*said: ThreadStreamEvent | Exception) -> list[dict[str, Any]]:
    return [json.loads(frame.removeprefix(b"data: ")) async for frame in plain_frames(Turn(*said), "en")]


@pytest.mark.anyio
async def test_the_stream_is_a_status_then_text_then_the_whole_text() -> None:
    assert await frames(ProgressUpdateEvent(text="Looking"), delta("Hel"), delta("lo"), done("Hello")) == [
        {"partial": "Looking"},
        {"text": "Hel"},
        {"text": "lo"},
        {"final": "Hello", "done": True, "thread_id": "thr_1"},
    ]


@pytest.mark.anyio
async def test_an_error_comes_before_the_last_frame_which_keeps_what_was_said() -> None:
    reported = ErrorEvent(code="custom", message="Too busy", allow_retry=True)
    for failure in (reported, StoreUnavailableError("Too busy")):
        assert await frames(delta("Hel"), failure) == [
            {"text": "Hel"},
            {"type": "error", "code": "custom", "message": "Too busy", "allow_retry": True},
            {"final": "Hel", "done": True, "thread_id": "thr_1"},
        ]
