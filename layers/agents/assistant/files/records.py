"""An attachment's row, in its user's partition: another user's id finds nothing."""

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
# What `bind` and `save` ask of a row: an attachment belongs to one thread for ever.
UNBOUND_OR_SAME_THREAD = "(attribute_not_exists(thread_id) OR thread_id = :thread_id)"


@dataclass(frozen=True)
class Record:
    """An attachment as stored.

    Attributes:
        attachment: ChatKit's attachment, without URLs that expire.
        size: The bytes that were announced or uploaded; None where no file of ours is behind it.
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


def _sweep_write(caller: Caller, key: Key, attachment_id: str, now: datetime) -> Write:
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


async def create(table: Table, caller: Caller, attachment: Attachment, size: int) -> None:
    """Write a new attachment's row and, with it, the work of removing it if it is never sent.

    The row comes before the bytes: whatever fails after it is found and removed by the sweep.
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
        [Write(key, put=row, condition="attribute_not_exists(pk)"), _sweep_write(caller, key, attachment.id, now)]
    )


async def save_attachment(table: Table, caller: Caller, attachment: Attachment) -> None:
    """Write what ChatKit knows of an attachment; its size and an earlier thread stay.

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
    """Return an attachment of the caller's, as stored.

    Raises:
        NotFoundError: there is none of that id, or it is someone else's.
    """
    row = await table.get(attachment_key(caller, attachment_id))
    if row is None:
        raise NotFoundError("There is no such attachment.")
    return _from_row(row).attachment


async def load_many(table: Table, caller: Caller, attachment_ids: Sequence[str]) -> list[Record]:
    """Return attachments of the caller's in the order of their ids, in one round trip.

    Raises:
        NotFoundError: one of them does not exist, or is someone else's.
    """
    wanted = [attachment_key(caller, attachment_id) for attachment_id in attachment_ids]
    rows = await table.get_many(wanted)
    if any(key not in rows for key in wanted):
        raise NotFoundError("There is no such attachment.")
    return [_from_row(rows[key]) for key in wanted]
