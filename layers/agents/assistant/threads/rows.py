"""Convert threads and items to rows of the table, and back.

A row holds its value as JSON text, compressed if that saves capacity. A value over DynamoDB's row limit goes into the
bucket. Each row has a `schema_version`; `_UPGRADES` converts older rows, so every release can read all earlier ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from assistant import clock
from assistant.aws import Row, answer_size
from assistant.aws.keys import Key
from assistant.errors import InvalidRequestError, TooLargeError
from assistant.files import object_keys
from assistant.ids import uuid7
from assistant.nesting import is_deep
from assistant.threads.going_on import going_on_attributes

if TYPE_CHECKING:
    from chatkit.types import ThreadItem, ThreadMetadata
    from pydantic import TypeAdapter

SCHEMA_VERSION = 1

# Below this size compression saves no capacity units, and plain text is easier to inspect.
COMPRESS_OVER_BYTES = 4_000
# DynamoDB limits a row to 409,600 bytes; the rest is for keys and the other attributes.
MAX_INLINE_BYTES = 350_000
# 10 MB of text with every character escaped, and the JSON around it. No real item is larger.
MAX_ITEM_BYTES = 32_000_000
# Packing or unpacking more than this takes milliseconds, so it runs in a thread, off the event loop.
MAX_ON_LOOP_BYTES = 100_000
# The TTL fires this much later than the expiry, so that the sweep removes a row's objects before TTL removes the row.
TTL_GRACE = timedelta(days=7)

_UPGRADES: Mapping[int, Callable[[Row], Row]] = {}
"""Functions that convert a row of version N to version N + 1."""


@cache
def item_adapter() -> TypeAdapter[ThreadItem]:
    """The validator of thread items, built once: building it costs milliseconds."""
    from chatkit.types import ThreadItem
    from pydantic import TypeAdapter

    return TypeAdapter(ThreadItem)


@dataclass(frozen=True)
class Offload:
    """An object that must be in the bucket before the row that points to it is written."""

    key: str
    body: bytes


def expiry(retention_days: int | None) -> dict[str, Any]:
    """Return the expiry attributes of a row that is written now; empty without a retention."""
    if not retention_days:
        return {}
    end = clock.now() + timedelta(days=retention_days)
    return {"expires_at": end.timestamp(), "ttl": int((end + TTL_GRACE).timestamp())}


def is_visible(row: Row | None) -> bool:
    """Tell whether a user may see a row: it exists, is not deleted and has not expired."""
    if row is None or row.get("deleted_at"):
        return False
    expires_at = row.get("expires_at")
    return expires_at is None or expires_at > clock.now().timestamp()


def upgraded(row: Row) -> Row:
    """Return the row in the current schema.

    Raises:
        ValueError: a newer release wrote it.
    """
    version = row.get("schema_version", 1)
    if version > SCHEMA_VERSION:
        raise ValueError(f"A row has schema version {version}; this release reads up to {SCHEMA_VERSION}.")
    while version < SCHEMA_VERSION:
        row = _UPGRADES[version](row)
        version += 1
    return row


def pack(text: str) -> dict[str, Any]:
    """Return the attribute that holds a JSON text: `data` for plain text, or `blob` for compressed text."""
    raw = text.encode()
    if len(raw) <= COMPRESS_OVER_BYTES:
        return {"data": text}
    return {"blob": zlib.compress(raw, level=6)}


def unpack(row: Row) -> bytes | str:
    """Return the JSON text that `pack` put into a row."""
    blob = row.get("blob")
    return zlib.decompress(blob) if blob is not None else row["data"]


def metadata_attributes(thread: ThreadMetadata) -> dict[str, Any]:
    """Return the attributes with a thread's metadata, without the items of a `Thread`.

    Raises:
        InvalidRequestError: the metadata is not valid JSON, for example a text with half a surrogate pair.
        TooLargeError: the metadata does not fit into a row.
    """
    try:
        text = thread.model_dump_json(include=set(_metadata_fields()))
    except ValueError:
        raise InvalidRequestError("The thread's metadata cannot be written as JSON.") from None
    packed = pack(text)
    if len(packed.get("blob", b"")) > MAX_INLINE_BYTES:
        raise TooLargeError("The thread's metadata is too large.")
    return {
        "schema_version": SCHEMA_VERSION,
        "id": thread.id,
        "size": answer_size(text),
        # An attribute of its own, so that a condition can refuse a message to a locked thread.
        "status": thread.status.type,
        **going_on_attributes(thread),
        **packed,
    }


def load_metadata(row: Row) -> ThreadMetadata:
    """Return the metadata in a row."""
    from chatkit.types import ThreadMetadata

    return ThreadMetadata.model_validate_json(unpack(upgraded(row)))


@cache
def _metadata_fields() -> tuple[str, ...]:
    from chatkit.types import ThreadMetadata

    return tuple(ThreadMetadata.model_fields)


def dump_item(item: ThreadItem) -> bytes:
    """Return an item as JSON.

    Raises:
        InvalidRequestError: the item is not valid JSON, for example a text with half a surrogate pair, or it is nested
            so deeply that it could not be read again.
        TooLargeError: the item is larger than `MAX_ITEM_BYTES`.
    """
    if is_deep(item):
        raise InvalidRequestError("The item is nested too deeply.")
    try:
        text = item_adapter().dump_json(item)
    except ValueError:
        raise InvalidRequestError("The item cannot be written as JSON.") from None
    if len(text) > MAX_ITEM_BYTES:
        raise TooLargeError(f"An item may have {MAX_ITEM_BYTES // 1_000_000} MB.")
    return text


def item_row(
    item: ThreadItem, raw: bytes, object_prefix: str, retention_days: int | None
) -> tuple[dict[str, Any], Offload | None]:
    """Return an item's attributes and, for a large item, the object that must be written before them.

    Args:
        item: The item, of any kind.
        raw: The result of `dump_item` for this item.
        object_prefix: The bucket prefix of the thread's large items.
        retention_days: The number of days after which the row expires; None for never.
    """
    text = raw.decode()
    attributes: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": item.id,
        "type": item.type,
        "size": answer_size(text),
        **expiry(retention_days),
    }
    if item.type in {"hidden_context_item", "sdk_hidden_context"}:
        attributes["hidden"] = True
    if waits_for_user(item):
        attributes["waits"] = True
    if item.type == "user_message" and item.attachments:
        attributes["attachments"] = [attachment.id for attachment in item.attachments]
    pictures = object_keys(item, object_prefix)
    if pictures:
        attributes["images"] = pictures
    packed = pack(text)
    blob = packed.get("blob", b"")
    if len(blob) <= MAX_INLINE_BYTES:
        return attributes | packed, None
    # Each version of an item has its own object name, so no reader sees the object before the row points to it.
    offload = Offload(f"{object_prefix}{uuid7()}", blob)
    return attributes | {"object": offload.key}, offload


def waits_for_user(item: ThreadItem) -> bool:
    """Tell whether an item waits for input from its user or a result from the browser."""
    return item.type in {"structured_input", "client_tool_call"} and item.status == "pending"


def would_undo_answer(old: Row, item: ThreadItem) -> bool:
    """Tell whether `item` would replace an answered question in `old` by the same question without an answer."""
    return waits_for_user(item) and old["type"] == item.type and not old.get("waits")


def load_item(row: Row, body: bytes | None = None) -> ThreadItem:
    """Return the item in a row. `body` is the object's content if the row points to an object."""
    text = unpack(upgraded(row)) if body is None else zlib.decompress(body)
    return item_adapter().validate_json(text)


def row_key(row: Row) -> Key:
    """Return the key of a row."""
    return Key(row["pk"], row["sk"])
