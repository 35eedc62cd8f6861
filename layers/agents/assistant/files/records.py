"""An attachment's row. It is in its user's partition, so another user's request never finds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from chatkit.types import Attachment

from assistant.aws import ConditionFailedError, Row, Table, Write, keys
from assistant.aws.keys import Key
from assistant.errors import AttachmentInUseError, NotFoundError
from assistant.files.limits import UNSENT_LIFETIME
from assistant.files.urls import without_urls
from assistant.identity import Caller

if TYPE_CHECKING:
    from pydantic import TypeAdapter

UNSENT_KIND = "attachment"
SCHEMA_VERSION = 1
# The condition of `bind` and `save_attachment`: an attachment never moves to another thread.
UNBOUND_OR_SAME_THREAD = "(attribute_not_exists(thread_id) OR thread_id = :thread_id)"


@dataclass(frozen=True)
class Record:
    """An attachment as stored.

    Attributes:
        attachment: ChatKit's attachment, without URLs that expire.
        size: The announced or uploaded size in bytes, or None if the bucket has no file for it.
    """

    attachment: Attachment
    size: int | None


@cache
def _adapter() -> TypeAdapter[Attachment]:
    from pydantic import TypeAdapter

    return TypeAdapter(Attachment)


def attachment_key(caller: Caller, attachment_id: str) -> Key:
    """Return the key of an attachment's row.

    Raises:
        InvalidRequestError: the id cannot be part of a key.
    """
    return Key(caller.partition, keys.attachment_sk(attachment_id))


def _document(attachment: Attachment) -> str:
    return without_urls(attachment).model_dump_json(exclude={"thread_id", "upload_descriptor"})


def _from_row(row: Row) -> Record:
    attachment = _adapter().validate_json(row["document"])
    attachment.thread_id = row.get("thread_id")
    return Record(attachment, row.get("size"))


def attachment_of(row: Row) -> Attachment:
    """Return the attachment in a row."""
    return _from_row(row).attachment


def unsent_work(caller: Caller, key: Key, attachment_id: str, now: datetime) -> Write:
    """Return the work for the sweep that deletes an attachment if it is never sent."""
    due = now + UNSENT_LIFETIME
    return Write(
        keys.sweep_key(due, f"{key.pk}/{key.sk}", UNSENT_KIND),
        put={
            "kind": UNSENT_KIND,
            "schema_version": SCHEMA_VERSION,
            "tenant_id": caller.tenant_id,
            "user_id": caller.user_id,
            "attachment_id": attachment_id,
        },
    )


def member_write(caller: Caller) -> Write:
    """Return the write by which an erasure of the tenant finds this user. It belongs to the user's first data."""
    row = {"schema_version": SCHEMA_VERSION, "user_id": caller.user_id}
    return Write(keys.member_key(caller.tenant_id, caller.user_id), put=row)


async def create(table: Table, caller: Caller, attachment: Attachment, size: int) -> None:
    """Write a new attachment's row and the sweep work that deletes it if it is never sent.

    Write the row before the bytes, so that the sweep finds the file after any failure.
    """
    key, now = attachment_key(caller, attachment.id), datetime.now(UTC)
    row = {
        "kind": UNSENT_KIND,
        "schema_version": SCHEMA_VERSION,
        "document": _document(attachment),
        "size": size,
        "created_at": now.isoformat(),
    }
    await table.transact(
        [
            Write(key, put=row, condition="attribute_not_exists(pk)"),
            unsent_work(caller, key, attachment.id, now),
            member_write(caller),
        ]
    )


def copy_write(caller: Caller, copy: Attachment, row: Row, now: datetime) -> Write:
    """Return the write of the row of a file's copy, which belongs to the thread that the copy names.

    Args:
        caller: The owner of both files.
        copy: The copy.
        row: The source's row.
        now: The time of the copy.
    """
    content = {name: value for name, value in row.items() if name not in {"pk", "sk"}}
    changes = {"document": _document(copy), "thread_id": copy.thread_id, "created_at": now.isoformat()}
    return Write(attachment_key(caller, copy.id), put={**content, **changes})


async def save_attachment(table: Table, caller: Caller, attachment: Attachment) -> None:
    """Write ChatKit's fields of an attachment. Keep its size and its thread.

    Raises:
        AttachmentInUseError: the row belongs to another thread.
    """
    values = {
        ":document": _document(attachment),
        ":kind": UNSENT_KIND,
        ":version": SCHEMA_VERSION,
        ":now": datetime.now(UTC).isoformat(),
    }
    update = (
        "SET document = :document, kind = :kind, schema_version = :version,"
        " created_at = if_not_exists(created_at, :now)"
    )
    condition = None
    if attachment.thread_id is not None:
        update += ", thread_id = :thread_id"
        condition = UNBOUND_OR_SAME_THREAD
        values[":thread_id"] = attachment.thread_id
    try:
        await table.update(attachment_key(caller, attachment.id), update, condition=condition, values=values)
    except ConditionFailedError:
        raise AttachmentInUseError from None


async def load_attachment(table: Table, caller: Caller, attachment_id: str) -> Attachment:
    """Return a stored attachment of the caller.

    Raises:
        NotFoundError: the attachment does not exist, or belongs to another user.
    """
    row = await table.get(attachment_key(caller, attachment_id))
    if row is None:
        raise NotFoundError("There is no such attachment.")
    return _from_row(row).attachment


async def load_many(table: Table, caller: Caller, attachment_ids: Sequence[str]) -> list[Record]:
    """Return attachments of the caller in the order of the ids, in one round trip.

    Raises:
        NotFoundError: an attachment does not exist, or belongs to another user.
    """
    wanted = [attachment_key(caller, attachment_id) for attachment_id in attachment_ids]
    rows = await table.get_many(wanted)
    if any(key not in rows for key in wanted):
        raise NotFoundError("There is no such attachment.")
    return [_from_row(rows[key]) for key in wanted]
