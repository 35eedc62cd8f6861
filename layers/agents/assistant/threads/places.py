"""Where ids stand: from an id to its place among its thread's items, or among its user's threads.

An id that we made carries its place. A foreign id gets a place when it is first stored, and a row of its own, the
alias, remembers it; the alias outlives what it names, so that a cursor is still good when its item is gone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from assistant import clock
from assistant.aws import Row, Table, Write, keys
from assistant.aws.keys import Key
from assistant.errors import InvalidRequestError
from assistant.threads.rows import SCHEMA_VERSION

# A page is read on within minutes; after a day nobody holds the cursor any more.
CURSOR_LIFETIME = timedelta(days=1)


def alias_key(pk: str, foreign_id: str) -> Key:
    """Return the key of a foreign id's alias in a thread's or a user's partition."""
    return Key(pk, keys.alias_sk(foreign_id))


def new_alias(pk: str, foreign_id: str, created_at: datetime) -> tuple[str, Write]:
    """Return a new place for a foreign id, and the write that remembers it unless it has one already."""
    place = keys.new_place(created_at)
    row: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "place": place}
    # What an alias named may have been removed, and be added again.
    return place, Write(
        alias_key(pk, foreign_id), put=row, condition="attribute_not_exists(pk) OR attribute_exists(gone)"
    )


def forgotten_alias(pk: str, foreign_id: str, place: str) -> Write:
    """Return the write that lets an alias lapse, because what it named is gone."""
    row = {
        "schema_version": SCHEMA_VERSION,
        "place": place,
        "gone": True,
        "ttl": int((clock.now() + CURSOR_LIFETIME).timestamp()),
    }
    return Write(alias_key(pk, foreign_id), put=row)


def place_in(row: Row | None) -> str | None:
    """Return the place in an alias that was read."""
    return None if row is None else str(row["place"])


async def thread_place(table: Table, user: str, thread_id: str) -> str | None:
    """Return where a thread stands in its user's list, None if it does not; only a foreign id is looked up."""
    own = keys.own_place(thread_id)
    return own if own is not None else place_in(await table.get(alias_key(user, thread_id)))


async def cursor_place(table: Table, pk: str, after: str) -> str:
    """Return the place of the id that a client hands back to read on after it.

    Raises:
        InvalidRequestError: the cursor names nothing that this caller was ever shown.
    """
    own = keys.own_place(after)
    if own is not None:
        return own
    invalid = InvalidRequestError("The cursor is not valid.")
    try:
        alias = alias_key(pk, after)
    except InvalidRequestError:
        # It may be a thread's id as well as an item's.
        raise invalid from None
    place = place_in(await table.get(alias))
    if place is None:
        raise invalid
    return place
