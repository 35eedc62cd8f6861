"""The words that a turn adds to its thread, written in the transaction that ends the turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chatkit.types import ThreadItem

from assistant.aws import ConditionFailedError, Row, Write
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError
from assistant.search.rebuilding import rebuild_work
from assistant.search.rows import all_words, is_searched, words_in, words_key, words_write

# Only the sweep and a search write the row beside a turn.
ATTEMPTS = 3


class TurnWords:
    """The words of one turn. The row is read while the agent answers, so the turn's end does not wait for it.

    Args:
        context: The turn's request.
        thread_id: The thread.
        earlier: The thread's newest messages before this turn, the oldest first.
        message: The turn's message, if it has one.
        new_thread: Whether the thread begins with this turn.
    """

    def __init__(
        self,
        context: RequestContext,
        thread_id: str,
        earlier: Sequence[ThreadItem],
        message: ThreadItem | None,
        *,
        new_thread: bool,
    ) -> None:
        self._context = context
        self._thread_id = thread_id
        self._message = message
        self._new = new_thread
        before = [item.id for item in earlier if is_searched(item) and (message is None or item.id != message.id)]
        self._before = before[-1] if before else None
        self._attempts = 0
        self._reading: asyncio.Task[Row | None] | None = None

    def begin(self) -> None:
        """Start to read the row. A new thread has none."""
        if not self._new:
            self._reading = asyncio.create_task(self._read())

    def _key(self) -> Key:
        return words_key(self._context.caller, self._context.loaded[self._thread_id].row["place"])

    async def _read(self) -> Row | None:
        return await self._context.resources.table.get(self._key())

    async def writes(self, items: Sequence[ThreadItem], *, removes: bool) -> list[Write]:
        """Return the writes that add the turn's words. Only the first has a condition.

        Args:
            items: The items of the turn.
            removes: Whether the turn removes earlier messages.
        """
        messages = [item for item in [self._message, *items] if item is not None and is_searched(item)]
        row: Row | None = None
        lost = False
        if self._reading is not None:
            try:
                row = await self._reading
            except StoreUnavailableError:
                lost = True
        whole = self._new or (row is not None and row["last"] == self._before)
        again = removes or lost or not whole or self._attempts >= ATTEMPTS
        work = [rebuild_work(self._context.caller, self._thread_id)] if again else []
        if lost or self._attempts >= ATTEMPTS or (row is None and not self._new):
            # The sweep writes the row.
            return work
        if not messages and not self._context.settings.retention_days:
            return work
        last = messages[-1].id if messages else (row or {}).get("last")
        words = words_in(row) | all_words(messages)
        return [words_write(self._key(), words, last, row, self._context.settings.retention_days), *work]

    def read_again(self, error: ConditionFailedError, index: int) -> bool:
        """Read the row again if its write is the first that was refused. Return whether it was.

        Args:
            error: The refusal.
            index: The place of the first of `writes` in the transaction.
        """
        if error.index != index or self._attempts >= ATTEMPTS:
            return False
        self._attempts += 1
        self._new = False
        self._reading = asyncio.create_task(self._read())
        return True

    async def close(self) -> None:
        """Stop reading, if the turn has not ended in the table."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
            if not self._reading.cancelled():
                # Else asyncio reports a failed read as an exception that nobody has retrieved.
                self._reading.exception()
