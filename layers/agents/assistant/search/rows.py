"""The row with a thread's words, in its user's partition: the distinct words of all that the user sees of the thread.

A row can have words that the thread no longer has. So a search looks into the thread before it shows a hit.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any

from chatkit.types import AssistantMessageItem, ThreadItem, UserMessageItem, UserMessageTagContent

from assistant import clock
from assistant.aws import Row, Write, keys
from assistant.aws.keys import Key
from assistant.identity import Caller
from assistant.search.words import words_of
from assistant.threads import SCHEMA_VERSION, expiry, unpack

# A row of this many words has about 70 KB, and each turn writes it. A thread of some thousand messages has as many.
MAX_WORDS = 20_000


def text_of(item: ThreadItem) -> str:
    """Return what a search finds of an item; empty for an item that is no message."""
    match item:
        case UserMessageItem():
            parts = [f"@{each.text}" if isinstance(each, UserMessageTagContent) else each.text for each in item.content]
            return "\n".join(["".join(parts), *(attachment.name for attachment in item.attachments)])
        case AssistantMessageItem():
            return "\n".join(part.text for part in item.content)
    return ""


def is_searched(item: ThreadItem) -> bool:
    """Tell whether a search reads an item."""
    return isinstance(item, UserMessageItem | AssistantMessageItem)


def words_key(caller: Caller, place: str) -> Key:
    """Return the key of a thread's words."""
    return Key(caller.partition, keys.words_sk(place))


def index_text(row: Row) -> str:
    """Return the words in a row, each with a space before it."""
    text: str = json.loads(unpack(row))["words"]
    return f" {text}"


def words_in(row: Row | None) -> set[str]:
    """Return the words in a row; none if there is no row."""
    return set() if row is None else set(index_text(row).split())


def words_write(key: Key, words: set[str], last: str | None, row: Row | None, retention_days: int | None) -> Write:
    """Return the write of a thread's words. Its condition fails if another process has written the row meanwhile.

    Args:
        key: The row's key.
        words: All words of the thread.
        last: The id of the newest message among them.
        row: The row as it was read, or None.
        retention_days: After this many days without a further write, the row expires.
    """
    kept = sorted(words)[:MAX_WORDS]
    text = json.dumps({"words": " ".join(kept)}, ensure_ascii=False)
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "blob": zlib.compress(text.encode(), level=6),
        "last": last,
        "revision": 1 if row is None else row["revision"] + 1,
        "written_at": clock.now().timestamp(),
        **expiry(retention_days),
    }
    if row is None:
        return Write(key, put=content, condition="attribute_not_exists(pk)")
    return Write(key, put=content, condition="revision = :seen", values={":seen": row["revision"]})


def all_words(items: Iterable[ThreadItem]) -> set[str]:
    """Return the words of items."""
    words: set[str] = set()
    for item in items:
        words |= words_of(text_of(item))
    return words
