"""Choose the rows that a fork copies, and make the copy of an item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    Attachment,
    EntitySource,
    HiddenContextItem,
    ThreadItem,
    UserMessageItem,
    WidgetItem,
)

from assistant.approvals import asks_for_approval
from assistant.aws import Row, keys
from assistant.context import RequestContext
from assistant.errors import TurnRunningError
from assistant.forks.origin import copied_id
from assistant.threads import (
    JOB_RUNNING,
    ItemNotFoundError,
    is_refusal,
    is_status,
    is_unjudged,
    is_visible,
    load_record,
    thread_store,
)

# Rows that one Query reads in the search for marks.
PAGE_ROWS = 200
RETRY_SECONDS = 2.0
# The ids of cited documents of a thread start with it. So other citations do not load the package of documents.
CITED = "knowledge.thread."


@dataclass(frozen=True)
class Selection:
    """The part of a thread that a fork copies.

    Attributes:
        until: The sort key of the last row to copy, or of the first that is left out.
        inclusive: Whether the row at `until` is copied.
        marks: The sort keys of later rows that say which of the copied input the guardrails refuse or have not checked.
    """

    until: str
    inclusive: bool
    marks: list[str]

    def has(self, sk: str) -> bool:
        """Tell whether the copy has a row before its marks."""
        return sk < self.until or (self.inclusive and sk == self.until)


async def select(thread_id: str, item_id: str, context: RequestContext, *, before: bool) -> Selection:
    """Return the part of a thread up to an item, or before it.

    Raises:
        NotFoundError: the thread or the item does not exist for this caller.
        TurnRunningError: the item belongs to a turn that still runs, so its input may not be checked yet.
    """
    row = await thread_store(context.resources).find_item(thread_id, item_id, context)
    if row is None or not is_visible(row) or row.get("hidden"):
        raise ItemNotFoundError(item_id)
    if before:
        return Selection(row["sk"], False, await _marks(row, context, inclusive=False))
    turn = load_record(await context.resources.table.get(context.caller.thread(thread_id).turn_key))
    if turn is not None and turn.running and turn.floor <= row["sk"]:
        raise TurnRunningError(retry_after=RETRY_SECONDS)
    return Selection(row["sk"], True, await _marks(row, context, inclusive=True))


async def _marks(last: Row, context: RequestContext, *, inclusive: bool) -> list[str]:
    """Return the sort keys of the marks behind the last item that concern the input before them.

    Without them, the model would read input in the fork that a guardrail has refused in the source.
    """
    found: list[str] = []
    store = thread_store(context.resources)
    same_turn = inclusive
    between = (keys.ITEM_PREFIX, keys.ITEM_END)
    async for row in context.resources.table.rows(last["pk"], after=last["sk"], between=between, page=PAGE_ROWS):
        same_turn = same_turn and row["type"] != "user_message"
        if not row.get("hidden") or not is_visible(row):
            continue
        for item in await store.decode_items([row]):
            if not isinstance(item, HiddenContextItem) or not (is_refusal(item) or is_unjudged(item)):
                continue
            concerned = item.content.get("item")
            place = None if concerned is None else keys.own_place(concerned)
            earlier = place is None or keys.item_sk(place) <= last["sk"]
            if same_turn if concerned is None else earlier:
                found.append(row["sk"])
    return found


def is_copied(item: ThreadItem) -> bool:
    """Tell whether a fork has a copy of an item.

    A client tool call belongs to the page that got it. A card that still asks belongs to a run of the source, and the
    card of a running job to a job of the source. In a fork no person answers, so lines about who answers are left out.
    """
    running = isinstance(item, WidgetItem) and item.widget.key == JOB_RUNNING
    return item.type != "client_tool_call" and not asks_for_approval(item) and not running and not is_status(item.id)


def copy_of(item: ThreadItem, fork_id: str, files: dict[str, Attachment]) -> ThreadItem:
    """Return the copy of an item.

    Args:
        item: The item of the source.
        fork_id: The fork.
        files: The copies of the source's files, by the sources' ids.
    """
    changes: dict[str, Any] = {"id": copied_id(fork_id, item.id), "thread_id": fork_id}
    if isinstance(item, UserMessageItem):
        changes["attachments"] = [files[each.id] for each in item.attachments if each.id in files]
    if isinstance(item, AssistantMessageItem):
        changes["content"] = [_cited_anew(part, item.thread_id, fork_id) for part in item.content]
    if isinstance(item, HiddenContextItem) and isinstance(item.content, dict) and "item" in item.content:
        changes["content"] = {**item.content, "item": copied_id(fork_id, item.content["item"])}
    return item.model_copy(update=changes)


def _cited_anew(part: AssistantMessageContent, source_id: str, fork_id: str) -> AssistantMessageContent:
    """Return a text whose citations of the thread's own documents lead to the fork's copies."""
    annotations = []
    for each in part.annotations:
        source = each.source
        if isinstance(source, EntitySource) and source.id.startswith(CITED):
            from assistant.knowledge import copied_entity_id

            cited = copied_entity_id(source.id, source_id, fork_id, lambda one: copied_id(fork_id, one))
            each = each.model_copy(update={"source": source.model_copy(update={"id": cited})})
        annotations.append(each)
    return part.model_copy(update={"annotations": annotations})
