"""Select the newest turns that fit a budget of tokens, as the model's history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chatkit.types import (
    AssistantMessageItem,
    GeneratedImageItem,
    HiddenContextItem,
    ThreadItem,
    UserMessageItem,
    WidgetItem,
)
from pydantic_core import to_json

from assistant.models import ATTACHMENT_TOKENS, CHARACTERS_PER_TOKEN
from assistant.threads import is_refusal, refused_items, snapshot_items

if TYPE_CHECKING:
    from chatkit.store import Store
    from chatkit.types import ThreadMetadata

    from assistant.context import RequestContext


def estimated_tokens(item: ThreadItem) -> int:
    """Estimate the tokens of an item. Count only the parts that the model receives."""
    files = 0
    match item:
        case UserMessageItem():
            files = len(item.attachments)
            characters = sum(len(part.text) for part in item.content) + len(item.quoted_text or "")
        case AssistantMessageItem():
            characters = sum(len(part.text) for part in item.content)
        case WidgetItem(copy_text=str(text)):
            characters = len(text)
        case GeneratedImageItem():
            files, characters = 1, 0
        case HiddenContextItem(content=str(text)):
            characters = len(text)
        case HiddenContextItem(content=content):
            characters = len(to_json(content))
        case _:
            characters = len(item.model_dump_json())
    return characters // CHARACTERS_PER_TOKEN + files * ATTACHMENT_TOKENS


async def load_history(
    store: Store[RequestContext], thread: ThreadMetadata, context: RequestContext
) -> list[ThreadItem]:
    """Return the thread's newest turns that fit `HISTORY_MAX_TOKENS`, the oldest first.

    The turn's snapshot usually has these items, so this costs no round trip. If the snapshot does not reach back to the
    user's message, read more pages.
    """
    budget, limit = context.settings.history_max_tokens, snapshot_items(context.settings)
    items: list[ThreadItem] = []
    after: str | None = None
    while True:
        page = await store.load_thread_items(thread.id, after, limit, "desc", context)
        items += page.data
        after = page.data[-1].id if page.data else None
        if not page.has_more or after is None:
            return newest_turns(items[::-1], budget, whole=True)
        if any(item.type == "user_message" for item in items):
            return newest_turns(items[::-1], budget, whole=False)


def newest_turns(
    items: Sequence[ThreadItem],
    max_tokens: int,
    cost: Callable[[ThreadItem], int] = estimated_tokens,
    *,
    whole: bool = False,
) -> list[ThreadItem]:
    """Return the newest complete turns that fit the budget, the oldest first.

    A turn starts at a user's message. The newest turn is always included, even if it is over the budget. A turn whose
    message was refused is replaced by its mark, so that a later model never reads it.

    Args:
        items: Items of a thread, the oldest first.
        max_tokens: The budget.
        cost: Returns the tokens of an item.
        whole: Whether these are all items of the thread. If not, the items before the first message are the end of
            an incomplete turn and are left out.
    """
    turns: list[list[ThreadItem]] = []
    for item in items:
        if item.type == "user_message" or not turns:
            turns.append([])
        turns[-1].append(item)
    if not whole and len(turns) > 1 and turns[0][0].type != "user_message":
        del turns[0]
    # A form can be answered in a later turn: replace the turn of the form too.
    refused = refused_items(items)
    turns = [
        [refused.get(item.id, item) for item in turn if is_refusal(item) or item.id in refused][:1] or turn
        for turn in turns
    ]
    chosen: list[list[ThreadItem]] = []
    left = max_tokens
    for turn in reversed(turns):
        left -= sum(cost(item) for item in turn)
        if chosen and left < 0:
            break
        chosen.append(turn)
    return [item for turn in reversed(chosen) for item in turn]
