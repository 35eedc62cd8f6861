"""Places: map an id to its position among its thread's items, or among its user's threads.

An id that this project makes contains its place. A foreign id gets a place when it is first stored, and a row called
the alias holds that place. The alias outlives the item, so a cursor stays valid after its item is removed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from assistant import clock
from assistant.aws import Row, Table, Write, keys
from assistant.aws.keys import Key
from assistant.errors import InvalidRequestError
from assistant.threads.rows import SCHEMA_VERSION

# Clients ask for the next page within minutes; after a day no client still holds the cursor.
CURSOR_LIFETIME = timedelta(days=1)


def alias_key(pk: str, foreign_id: str) -> Key:
    """Return the key of a foreign id's alias in a thread's or a user's partition."""
    return Key(pk, keys.alias_sk(foreign_id))


def new_alias(pk: str, foreign_id: str, created_at: datetime) -> tuple[str, Write]:
    """Return a new place for a foreign id, and the write of its alias, which fails if the id has a place already."""
    place = keys.new_place(created_at)
    row: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "place": place}
    # An item that was removed may be added again under the same id.
    return place, Write(
        alias_key(pk, foreign_id), put=row, condition="attribute_not_exists(pk) OR attribute_exists(gone)"
    )


def lapsing_alias(pk: str, foreign_id: str, place: str) -> Write:
    """Return the write that makes an alias expire, because its item or thread is removed."""
    row = {
        "schema_version": SCHEMA_VERSION,
        "place": place,
        "gone": True,
        "ttl": int((clock.now() + CURSOR_LIFETIME).timestamp()),
    }
    return Write(alias_key(pk, foreign_id), put=row)


def place_in(row: Row | None) -> str | None:
    """Return the place in an alias row."""
    return None if row is None else str(row["place"])


async def thread_place(table: Table, user: str, thread_id: str) -> str | None:
    """Return a thread's place in its user's list, or None if it has none. Only a foreign id costs a read."""
    own = keys.own_place(thread_id)
    return own if own is not None else place_in(await table.get(alias_key(user, thread_id)))


async def cursor_place(table: Table, pk: str, after: str) -> str:
    """Return the place of a cursor: the id after which a client wants to continue reading.

    Raises:
        InvalidRequestError: this caller has never received the cursor's id.
    """
    own = keys.own_place(after)
    if own is not None:
        return own
    invalid = InvalidRequestError("The cursor is not valid.")
    try:
        alias = alias_key(pk, after)
    except InvalidRequestError:
        # The key's error says "item", but the cursor may be a thread's id.
        raise invalid from None
    place = place_in(await table.get(alias))
    if place is None:
        raise invalid
    return place
