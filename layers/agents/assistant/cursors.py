"""Cursors of lists whose places are no ids of items: each is bound to the list that it belongs to."""

from __future__ import annotations

from hashlib import sha256

from assistant.errors import InvalidRequestError

# Hexadecimal digits. They tell a cursor of another list; what a caller may read is decided by the caller's token.
DIGEST_CHARACTERS = 16


def cursor_of(place: str, *of: str) -> str:
    """Return the cursor of a place.

    Args:
        place: The place after which the next page begins.
        of: What the list depends on, such as its caller and its query.
    """
    return f"{_digest(of)}.{place}"


def place_of(cursor: str, *of: str) -> str:
    """Return the place of a cursor. The arguments: see `cursor_of`.

    Raises:
        InvalidRequestError: it is no cursor of this list.
    """
    digest, _, place = cursor.partition(".")
    if digest != _digest(of) or not place:
        raise InvalidRequestError("The cursor is not valid.")
    return place


def _digest(of: tuple[str, ...]) -> str:
    return sha256("\0".join(of).encode(errors="replace")).hexdigest()[:DIGEST_CHARACTERS]
