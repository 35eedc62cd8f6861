"""Give a user's files to another identity of the same person: copy the bytes, and return the writes of the rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.files import records
from assistant.files.scan import scan_result
from assistant.files.urls import is_ours, object_key
from assistant.identity import Caller

# Files that one Query reads.
PAGE_ROWS = 25


async def copied_files(
    resources: Resources, source: Caller, target: Caller, attachment_ids: Sequence[str]
) -> list[Write]:
    """Copy the bytes of attachments to another user, and return the writes of the other user's rows.

    An attachment that no longer exists is left out. A file that is not clean keeps its row only.
    """
    wanted = [records.attachment_key(source, each) for each in dict.fromkeys(attachment_ids)]
    found = await resources.table.get_many(wanted) if wanted else {}
    await asyncio.gather(*(_copy_bytes(resources, source, target, row) for row in found.values()))
    return [Write(Key(target.partition, key.sk), put=_content(row)) for key, row in found.items()]


async def move_unsent(
    resources: Resources, source: Caller, target: Caller, *, time_is_up: Callable[[], bool] = lambda: False
) -> bool:
    """Move the attachments that no message has yet. Return whether all are moved."""
    between = (keys.ATTACHMENT_PREFIX, keys.ATTACHMENT_END)
    async for row in resources.table.rows(source.partition, between=between, page=PAGE_ROWS):
        if row.get("thread_id"):
            continue
        if time_is_up():
            return False
        attachment_id = records.attachment_of(row).id
        await _copy_bytes(resources, source, target, row)
        key = Key(target.partition, row["sk"])
        work = records.unsent_work(target, key, attachment_id, datetime.now(UTC))
        gone = Write(Key(row["pk"], row["sk"]), delete=True, condition="attribute_not_exists(thread_id)")
        try:
            await resources.table.transact([gone, Write(key, put=_content(row)), work])
        except ConditionFailedError:
            continue  # A message of the source has just taken the file.
        # If the process dies here, the source's own work for an unsent file removes the bytes.
        if is_ours(attachment_id):
            await resources.objects.delete_many([object_key(source, attachment_id)])
    return True


def _content(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in {"pk", "sk"}}


async def _copy_bytes(resources: Resources, source: Caller, target: Caller, row: Row) -> None:
    attachment = records.attachment_of(row)
    if not is_ours(attachment.id) or row.get("size") is None:
        return
    try:
        if await scan_result(resources, source, attachment) == "clean":
            await resources.objects.copy(object_key(source, attachment.id), object_key(target, attachment.id))
    except KeyError:
        return  # The file was announced and never uploaded.
