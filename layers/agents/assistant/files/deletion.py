"""Delete attachments: by their user, with their thread, or because they were never sent.

Each function deletes one row or file last. A repeated attempt uses that row or file to find the remaining work.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant import audit
from assistant.aws import ConditionFailedError, Row, Write
from assistant.context import Resources
from assistant.files import records
from assistant.files.urls import is_ours, object_key
from assistant.identity import Caller


async def delete(resources: Resources, caller: Caller, attachment_id: str) -> None:
    """Delete an attachment of the caller, whether or not it was sent.

    Raises:
        NotFoundError: the attachment does not exist, or belongs to another user.
    """
    await records.load_attachment(resources.table, caller, attachment_id)
    await delete_for_thread(resources, caller, [attachment_id])
    note = audit.entry(resources, "file.deleted", by=caller, tenant_id=caller.tenant_id, file_id=attachment_id)
    await audit.record(resources, note)


async def delete_for_thread(resources: Resources, owner: Caller, attachment_ids: Sequence[str]) -> None:
    """Delete the attachments of a deleted thread. Missing files and rows are ignored.

    Args:
        resources: The process's table and bucket.
        owner: The thread's user.
        attachment_ids: The attachments that the thread's messages name.
    """
    files = [object_key(owner, each) for each in attachment_ids if is_ours(each)]
    await resources.objects.delete_many(files)
    await resources.table.delete_many([records.attachment_key(owner, each) for each in attachment_ids])


async def sweep_unsent(resources: Resources, row: Row) -> None:
    """Delete an attachment that was not sent within a day.

    Args:
        resources: The process's table and bucket.
        row: The sweep work from `records.create`. The sweep itself deletes that row.
    """
    owner = Caller(row["tenant_id"], row["user_id"])
    key = records.attachment_key(owner, row["attachment_id"])
    try:
        # A conditional delete: a message sent at this moment either keeps its file or is refused.
        await resources.table.transact([Write(key, delete=True, condition="attribute_not_exists(thread_id)")])
    except ConditionFailedError:
        return
    # If the sweep dies here, the next one gets here again: a missing row meets the condition.
    await resources.objects.delete_many([object_key(owner, row["attachment_id"])])
