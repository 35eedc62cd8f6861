"""What a request names and the table does not have yet: a widget, a form or a call that a running turn has just shown.

A turn stores what it shows within two seconds. Who clicks sooner waits for that, and is not told that nothing is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from assistant.context import RequestContext
from assistant.errors import ConflictError
from assistant.threads import CHECKPOINT_SECONDS, ItemNotFoundError, load_record

T = TypeVar("T")

# A checkpoint comes after its time, and takes one round trip or more.
PATIENCE_SECONDS = CHECKPOINT_SECONDS + 1.0
POLL_SECONDS = 0.25


class NoCallWaitsError(ConflictError):
    """An output has come for which no client tool call waits, or none yet."""

    default_message = "No client tool call waits for its output in this thread."


class ItemBeingWrittenError(ConflictError):
    """What the request names may be what a running turn is writing: it can be used when that has come to its end."""

    code = "item_being_written"
    default_message = "This is still being written. Please try again in a moment."


NOT_YET = (ItemNotFoundError, NoCallWaitsError)


async def when_stored(read: Callable[[], Awaitable[T]], thread_id: str, context: RequestContext) -> T:
    """Return what `read` returns, as soon as it finds what it looks for.

    Args:
        read: Raises one of `NOT_YET` for as long as it does not.
        thread_id: The thread in which a turn may run.
        context: The request that reads.

    Raises:
        ItemBeingWrittenError: it was not stored in time, and the turn still runs.
        AssistantError: what `read` raised, and no turn runs that could still bring it.
    """
    with suppress(*NOT_YET):
        return await read()
    caller, loop = context.caller, asyncio.get_running_loop()
    key = caller.thread(thread_id).turn_key
    patience = loop.time() + PATIENCE_SECONDS
    while True:
        # Before the item: a turn that ends in between has stored it.
        turn = load_record(await context.resources.table.get(key))
        try:
            return await read()
        except NOT_YET:
            if turn is None or not turn.alive:
                raise
            if loop.time() >= patience:
                raise ItemBeingWrittenError(retry_after=CHECKPOINT_SECONDS) from None
        await asyncio.sleep(POLL_SECONDS)
