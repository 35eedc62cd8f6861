"""A user's notes, as rows of the platform's table in the partition that is reserved for the user's records."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.aws import Table
from assistant.aws.keys import Key, app_partition
from assistant.errors import InvalidRequestError
from assistant.identity import Caller
from assistant.ids import uuid7
from assistant.text import one_line

# One line on a card.
MAX_CHARACTERS = 200
# One page of the table. A user has fewer notes.
MAX_LISTED = 100
_PREFIX = "NOTE#"


@dataclass(frozen=True)
class Note:
    """One note. The id sorts by time."""

    id: str
    text: str


class Notes:
    """The notes of one user. The keys contain the tenant and the user, so no call reaches another user's rows."""

    def __init__(self, table: Table, caller: Caller) -> None:
        self._table = table
        self._partition = app_partition(caller.tenant_id, caller.user_id)

    async def all(self) -> list[Note]:
        """Return the notes, the oldest first."""
        rows, _ = await self._table.query(self._partition, between=(_PREFIX, f"{_PREFIX}~"), limit=MAX_LISTED)
        return [Note(row["sk"].removeprefix(_PREFIX), row["text"]) for row in rows]

    async def add(self, text: str, *, most: int) -> None:
        """Store a note.

        Raises:
            InvalidRequestError: The text is no line of 1 to `MAX_CHARACTERS`, or the user has `most` notes.
        """
        line = one_line(text, MAX_CHARACTERS, "A note")
        if len(await self.all()) >= most:
            raise InvalidRequestError(f"There are {most} notes already. Remove one first.")
        await self._table.put(Key(self._partition, f"{_PREFIX}{uuid7()}"), {"text": line})

    async def remove(self, note_id: str) -> None:
        """Delete a note. A note that does not exist is no error: two clicks may arrive at the same time."""
        await self._table.delete(Key(self._partition, f"{_PREFIX}{one_line(note_id, MAX_CHARACTERS, 'An id')}"))
