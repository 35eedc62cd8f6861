"""What of a thread fits into the model's budget."""

from __future__ import annotations

from datetime import UTC, datetime

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    InferenceOptions,
    ThreadItem,
    UserMessageItem,
    UserMessageTextContent,
)
from hypothesis import given
from hypothesis import strategies as st

from assistant.agent.history import newest_turns

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def items_of(roles: list[bool]) -> list[ThreadItem]:
    """Return a thread: a user's message where True, an answer where False."""
    items: list[ThreadItem] = []
    for number, is_user in enumerate(roles):
        if is_user:
            content = [UserMessageTextContent(text="question")]
            items.append(
                UserMessageItem(
                    id=f"msg_{number}",
                    thread_id="thr_1",
                    created_at=NOW,
                    content=content,
                    inference_options=InferenceOptions(),
                )
            )
        else:
            items.append(
                AssistantMessageItem(
                    id=f"msg_{number}",
                    thread_id="thr_1",
                    created_at=NOW,
                    content=[AssistantMessageContent(text="answer")],
                )
            )
    return items


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 20))
def test_what_is_kept_is_the_end_of_the_thread_and_begins_with_a_message_of_the_user(
    roles: list[bool], budget: int
) -> None:
    items = items_of(roles)
    kept = newest_turns(items, budget, cost=lambda item: 1)
    assert kept == items[len(items) - len(kept) :]
    if any(roles):
        assert kept[0].type == "user_message"
        newest = items[max(index for index, is_user in enumerate(roles) if is_user) :]
        assert len(kept) >= len(newest), "the newest turn is always there"
        assert len(kept) <= max(budget, len(newest))


def test_what_comes_before_the_first_message_is_kept_where_the_whole_thread_was_read() -> None:
    items = items_of([False, True, False])
    assert newest_turns(items, 10, cost=lambda item: 1, whole=True) == items
    assert newest_turns(items, 10, cost=lambda item: 1) == items[1:]
