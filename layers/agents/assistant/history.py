"""What the model gets to see: the newest turns that fit a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatkit.types import ThreadItem

# English prose has about four characters a token; a closer count would need the model's own tokenizer.
CHARACTERS_PER_TOKEN = 4
# An image or a file costs a model about this much, whatever its bytes.
ATTACHMENT_TOKENS = 1_000


def estimated_tokens(item: ThreadItem) -> int:
    """Return about how many tokens an item costs a model."""
    attachments = len(item.attachments) if item.type == "user_message" else 0
    return len(item.model_dump_json()) // CHARACTERS_PER_TOKEN + attachments * ATTACHMENT_TOKENS


def newest_turns(
    items: Sequence[ThreadItem],
    max_tokens: int,
    cost: Callable[[ThreadItem], int] = estimated_tokens,
) -> list[ThreadItem]:
    """Return the newest turns that fit the budget, whole, the oldest first.

    A turn begins at a user's message. The newest one is always there, however large. What comes before the
    first message that was read belongs to a turn of which only the end was read, and is left out.

    Args:
        items: Items of a thread, the oldest first.
        max_tokens: The budget.
        cost: What an item costs.
    """
    turns: list[list[ThreadItem]] = []
    for item in items:
        if item.type == "user_message" or not turns:
            turns.append([])
        turns[-1].append(item)
    if len(turns) > 1 and turns[0][0].type != "user_message":
        del turns[0]
    chosen: list[list[ThreadItem]] = []
    left = max_tokens
    for turn in reversed(turns):
        left -= sum(cost(item) for item in turn)
        if chosen and left < 0:
            break
        chosen.append(turn)
    return [item for turn in reversed(chosen) for item in turn]
