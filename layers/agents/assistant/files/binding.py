"""Bind attachments to the thread of their message, in the turn's own transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chatkit.types import Attachment

from assistant import hooks
from assistant.aws import Head, Row, Write
from assistant.context import Resources
from assistant.errors import (
    AssistantError,
    AttachmentInUseError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    UploadMissingError,
)
from assistant.files import records
from assistant.files.limits import HEAD_BYTES, MAX_ATTACHMENTS_PER_MESSAGE, MAX_MESSAGE_BYTES
from assistant.files.media import allowed_media, check_head
from assistant.files.records import UNBOUND_OR_SAME_THREAD, Record, attachment_key
from assistant.files.scan import check_scan
from assistant.files.urls import is_ours, object_key
from assistant.identity import Caller


async def bind(
    resources: Resources, caller: Caller, attachment_ids: Sequence[str], thread_id: str
) -> tuple[list[Attachment], list[Write]]:
    """Load a message's attachments and return the writes that bind them to its thread.

    Rows and the first bytes of the files are read in parallel, in one round trip.

    Args:
        resources: The process's table and bucket.
        caller: The sender of the message.
        attachment_ids: The message's attachments. Duplicates are ignored.
        thread_id: The message's thread. It may not exist yet.

    Returns:
        The stored attachments with their thread, and one conditional write for each. If such a condition fails in the
        transaction, `refusal` returns the reason.

    Raises:
        InvalidRequestError: there are too many attachments.
        NotFoundError: an attachment does not exist, or belongs to another user.
        AttachmentInUseError: an attachment belongs to another thread.
        UploadMissingError: the bytes of an attachment are missing.
        FileUncheckedError: the malware scan of an attachment has no result yet.
        FileRefusedError: an attachment did not pass the malware scan.
        UnsupportedTypeError: the content of an attachment does not match its type.
        TooLargeError: together they are larger than `MAX_MESSAGE_BYTES`.
    """
    wanted = list(dict.fromkeys(attachment_ids))
    if not wanted:
        return [], []
    if len(wanted) > MAX_ATTACHMENTS_PER_MESSAGE:
        raise InvalidRequestError(f"A message may have at most {MAX_ATTACHMENTS_PER_MESSAGE} attachments.")
    # With a scan, S3 refuses to read a file that is not clean.
    scanned = hooks.find_hook(resources.settings, "scan_result") is not None or resources.settings.malware_scan
    if scanned:
        found = await records.load_many(resources.table, caller, wanted)
        with resources.one_more_wait(caller) as may_wait:
            await asyncio.gather(*(check_scan(resources, caller, each.attachment, may_wait=may_wait) for each in found))
        heads = await asyncio.gather(*(_peek(resources, caller, each) for each in wanted))
    else:
        found, heads = await asyncio.gather(
            records.load_many(resources.table, caller, wanted),
            asyncio.gather(*(_peek(resources, caller, each) for each in wanted)),
        )
    for record, head in zip(found, heads, strict=True):
        _check(record, head, thread_id)
    if sum(record.size or 0 for record in found) > MAX_MESSAGE_BYTES:
        raise TooLargeError(f"The files of a message may have at most {MAX_MESSAGE_BYTES // 1_000_000} MB together.")
    attachments = [record.attachment.model_copy(update={"thread_id": thread_id}) for record in found]
    return attachments, [_binding(caller, each, thread_id) for each in wanted]


def refusal(row: Row | None) -> AssistantError:
    """Return the reason why DynamoDB refused a write of `bind`.

    Args:
        row: The attachment's row from the failed condition, or None if the row does not exist.
    """
    return NotFoundError("There is no such attachment.") if row is None else AttachmentInUseError()


async def _peek(resources: Resources, caller: Caller, attachment_id: str) -> Head | None:
    if not is_ours(attachment_id):
        return None
    return await resources.objects.peek(object_key(caller, attachment_id), HEAD_BYTES)


def _binding(caller: Caller, attachment_id: str, thread_id: str) -> Write:
    return Write(
        attachment_key(caller, attachment_id),
        update="SET thread_id = :thread_id",
        condition=f"attribute_exists(pk) AND {UNBOUND_OR_SAME_THREAD}",
        values={":thread_id": thread_id},
    )


def _check(record: Record, head: Head | None, thread_id: str) -> None:
    attachment = record.attachment
    if attachment.thread_id not in (None, thread_id):
        raise AttachmentInUseError
    if record.size is None:
        # The deployment saved it through ChatKit's store: the bucket has no file for it.
        return
    if head is None or head.size != record.size:
        raise UploadMissingError(f"The file '{attachment.name}' has not been uploaded.")
    check_head(allowed_media(attachment.mime_type, attachment.name), head.first_bytes, attachment.name)
