"""The events that bring a follower's items up to the stored ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from chatkit.types import AssistantMessageContent, AssistantMessageItem

from assistant.turns.client_view import ClientView

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def answer(item_id: str, text: str) -> AssistantMessageItem:
    content = [AssistantMessageContent(text=text)]
    return AssistantMessageItem(id=item_id, thread_id="thr_1", created_at=NOON, content=content)


@pytest.mark.parametrize("text", ["as it was told", "as it is stored"])
def test_an_item_that_was_told_as_changed_is_not_new_later(text: str) -> None:
    view = ClientView()
    assert [event.type for event in view.replace_earlier("msg_1", answer("msg_1", text))] == ["thread.item.replaced"]
    stored = [answer("msg_1", "as it is stored"), answer("msg_2", "new")]
    replaced = [] if text == "as it is stored" else ["thread.item.replaced"]
    assert [event.type for event in view.update(stored)] == [*replaced, "thread.item.done"]
    assert view.update(stored) == []


def test_an_item_that_was_told_as_changed_is_taken_back_before_it_comes_behind_another() -> None:
    view = ClientView()
    view.replace_earlier("msg_2", answer("msg_2", "told"))
    events = view.update([answer("msg_1", "first"), answer("msg_2", "told")])
    assert [event.type for event in events] == ["thread.item.removed", "thread.item.done", "thread.item.done"]
