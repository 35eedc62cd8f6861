"""Following a turn that runs in another process, or that has ended: from the table, at most two seconds behind.

What a follower gets is equivalent to what the first client got, not equal byte by byte: deltas are the difference
between two checkpoints.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from chatkit.types import (
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    StreamOptions,
    StreamOptionsEvent,
    ThreadCreatedEvent,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
)

from assistant import keys
from assistant.context import RequestContext
from assistant.table import Row
from assistant.threads.client import client_thread
from assistant.threads.rows import is_visible, load_metadata
from assistant.threads.store import ThreadNotFoundError, ThreadStore
from assistant.turns import ending
from assistant.turns.opening import split_head
from assistant.turns.record import Outcome, TurnRecord, load_record
from assistant.turns.takeover import take_over

# Checkpoints come every two seconds; looking more often only costs reads.
POLL_SECONDS = 0.7
# A turn seldom has more items; what does not fit is read by the next look.
MAX_TURN_ITEMS = 90


@dataclass(frozen=True)
class _Look:
    """A thread at one moment: its metadata, its newest turn, and the items behind the floor."""

    thread: ThreadMetadata
    turn: TurnRecord | None
    operation: str | None
    items: list[ThreadItem]


class FollowedTurn:
    """A turn of another process, or of the past.

    Attributes:
        turn_id: The turn.
        thread_id: Its thread.
        error: None: what went wrong comes as an event.
    """

    def __init__(self, context: RequestContext, thread_id: str, turn_id: str) -> None:
        self.turn_id = turn_id
        self.thread_id = thread_id
        self.error: BaseException | None = None
        self._context = context
        caller = context.caller
        self._pk = keys.thread_partition(caller.tenant_id, caller.user_id, thread_id)
        self._sent: dict[str, ThreadItem] = {}
        self._done: set[str] = set()

    async def wait(self) -> None:
        """Return at once: the turn does not run in this process."""

    async def events(self) -> AsyncIterator[ThreadStreamEvent]:
        """Follow the turn from its first item to its end."""
        story = await self._story()
        floor = story["floor"] if story else None
        first = True
        while True:
            look = await self._look(floor)
            turn = look.turn if look.turn is not None and look.turn.turn_id == self.turn_id else None
            if first:
                first = False
                operation = story.get("operation") if story else look.operation
                if operation == "threads.create":
                    yield ThreadCreatedEvent(thread=client_thread(look.thread))
                yield StreamOptionsEvent(stream_options=StreamOptions(allow_cancel=True))
            if turn is not None and floor is None:
                floor = turn.floor
                look = await self._look(floor)
            for event in self._news(look.items, turn.partial if turn else []):
                yield event
            if turn is None or not turn.running:
                break
            if not turn.alive:
                await take_over(self._context, self.thread_id, turn)
                continue
            await asyncio.sleep(POLL_SECONDS)
        story = story or await self._story()
        outcome: Outcome = story["outcome"] if story else "lost"
        failed = RuntimeError(story.get("error")) if story and story.get("error") else None
        for event in ending.ending_events(outcome, failed):
            yield event

    async def _story(self) -> Row | None:
        return await self._context.resources.table.get(keys.Key(self._pk, keys.story_sk(self.turn_id)))

    async def _look(self, floor: str | None) -> _Look:
        low = floor or keys.META_SK
        rows, _ = await self._context.resources.table.query(
            self._pk, between=(low, keys.TURN_SK), descending=True, limit=MAX_TURN_ITEMS
        )
        turn_row, meta, items = split_head(rows)
        if meta is None or not is_visible(meta):
            raise ThreadNotFoundError("The thread does not exist.")
        store = ThreadStore(self._context.resources)
        return _Look(
            load_metadata(meta),
            load_record(turn_row),
            turn_row.get("operation") if turn_row else None,
            await store.decode_items([row for row in items[::-1] if is_visible(row)]),
        )

    def _news(self, items: list[ThreadItem], partial: list[ThreadItem]) -> list[ThreadStreamEvent]:
        """Return what has come since the last look."""
        events: list[ThreadStreamEvent] = []
        for item in items:
            if item.id not in self._done:
                self._done.add(item.id)
                events.append(ThreadItemDoneEvent(item=item))
        for item in partial:
            if item.id in self._done:
                continue
            events += self._growth(self._sent.get(item.id), item)
            self._sent[item.id] = item
        return [event for event in events if not ending.is_hidden(event)]

    def _growth(self, before: ThreadItem | None, item: ThreadItem) -> list[ThreadStreamEvent]:
        if before is None:
            return [ThreadItemAddedEvent(item=item)]
        if before == item:
            return []
        if isinstance(before, AssistantMessageItem) and isinstance(item, AssistantMessageItem):
            same = len(before.content) == len(item.content)
            if same and all(
                new.text.startswith(old.text) and new.annotations == old.annotations
                for old, new in zip(before.content, item.content, strict=True)
            ):
                return [
                    ThreadItemUpdatedEvent(
                        item_id=item.id,
                        update=AssistantMessageContentPartTextDelta(
                            content_index=index, delta=new.text[len(old.text) :]
                        ),
                    )
                    for index, (old, new) in enumerate(zip(before.content, item.content, strict=True))
                    if new.text != old.text
                ]
        return [ThreadItemReplacedEvent(item=item)]
