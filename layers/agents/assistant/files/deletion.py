"""Removing attachments: by their user, with their thread, or because they were never sent.

Of the row that names a file and the file itself, the one by which the work is found again goes last.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.aws import ConditionFailedError, Row, Write
from assistant.context import Resources
from assistant.files import records
from assistant.files.urls import is_ours, object_key
from assistant.identity import Caller


async def delete(resources: Resources, caller: Caller, attachment_id: str) -> None:
    """Remove an attachment of the caller's, whether or not it was sent.

    Raises:
        NotFoundError: there is none of that id, or it is someone else's.
    """
    await records.load_attachment(resources.table, caller, attachment_id)
    await delete_for_thread(resources, caller, [attachment_id])


async def delete_for_thread(resources: Resources, owner: Caller, attachment_ids: Sequence[str]) -> None:
    """Remove the attachments of a thread that goes. What is gone already is passed over.

    Args:
        resources: The process's table and bucket.
        owner: The thread's user.
        attachment_ids: The attachments that the thread's messages name.
    """
    files = [object_key(owner, each) for each in attachment_ids if is_ours(each)]
    await resources.objects.delete_many(files)
    await resources.table.delete_many([records.attachment_key(owner, each) for each in attachment_ids])


async def sweep_unsent(resources: Resources, row: Row) -> None:
    """Remove an attachment that was registered a day ago and never sent; keep one that was.

    Args:
        resources: The process's table and bucket.
        row: The due work, as `records.create` wrote it. Removing that row is left to who dispatched it.
    """
    owner = Caller(row["tenant_id"], row["user_id"])
    key = records.attachment_key(owner, row["attachment_id"])
    try:
        # In one step, so that a message sent at this moment either keeps its file or is refused.
        await resources.table.transact([Write(key, delete=True, condition="attribute_not_exists(thread_id)")])
    except ConditionFailedError:
        return
    # A sweep that is killed here finds no row the next time and gets here again.
    await resources.objects.delete_many([object_key(owner, row["attachment_id"])])
