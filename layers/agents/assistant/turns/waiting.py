"""Wait for an item that a running turn is still writing, such as a widget that grows.

A turn stores an item before it sends the item as done. A click that arrives sooner waits, instead of failing with 404.
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

# The checkpoint itself takes one round trip or more.
PATIENCE_SECONDS = CHECKPOINT_SECONDS + 1.0
POLL_SECONDS = 0.25


class NoCallWaitsError(ConflictError):
    """An output has arrived, but no stored client tool call waits for it. The call may be stored later."""

    default_message = "No client tool call waits for its output in this thread."


class ItemBeingWrittenError(ConflictError):
    """A running turn may still be writing the item that the request names."""

    code = "item_being_written"
    default_message = "This is still being written. Please try again in a moment."


NOT_STORED_YET = (ItemNotFoundError, NoCallWaitsError)


async def when_stored(read: Callable[[], Awaitable[T]], thread_id: str, context: RequestContext) -> T:
    """Call `read` until it succeeds, and return its result.

    Args:
        read: Raises one of `NOT_STORED_YET` while the item is missing.
        thread_id: The thread in which a turn may run.
        context: The request's context.

    Raises:
        ItemBeingWrittenError: the item is still missing after the time-out, and the turn still runs.
        AssistantError: `read` failed, and no turn runs that could store the item.
    """
    with suppress(*NOT_STORED_YET):
        return await read()
    caller, loop = context.caller, asyncio.get_running_loop()
    key = caller.thread(thread_id).turn_key
    patience = loop.time() + PATIENCE_SECONDS
    while True:
        # Read the turn before the item: a turn that ends in between has stored its items.
        turn = load_record(await context.resources.table.get(key))
        try:
            return await read()
        except NOT_STORED_YET:
            if turn is None or not turn.alive:
                raise
            if loop.time() >= patience:
                raise ItemBeingWrittenError(retry_after=CHECKPOINT_SECONDS) from None
        await asyncio.sleep(POLL_SECONDS)
