"""A file that the user has sent, for the person who reads the conversation."""

from __future__ import annotations

from assistant import audit, files
from assistant.context import RequestContext
from assistant.errors import NotFoundError
from assistant.takeover.queue import find_waiting


async def file_url(waiting_id: str, attachment_id: str, staff: RequestContext) -> str:
    """Return a short-lived URL of a file in a conversation of the queue. The audit trail says who has opened it.

    Raises:
        NotFoundError: there is no such conversation, or it has no such file.
        FileUncheckedError, FileRefusedError: the malware scan has no result yet, or has refused the file.
    """
    waiting, resources = await find_waiting(waiting_id, staff), staff.resources
    found = await files.load_attachment(resources.table, waiting.owner, attachment_id)
    if found.thread_id != waiting.thread_id:
        # It belongs to another conversation of the user.
        raise NotFoundError("There is no such attachment.")
    with resources.one_more_wait(staff.caller) as may_wait:
        await files.check_scan(resources, waiting.owner, found, may_wait=may_wait)
    note = audit.entry(
        resources,
        "thread.file_opened",
        by=staff.caller,
        tenant_id=waiting.owner.tenant_id,
        about=waiting.owner.user_id,
        thread_id=waiting.thread_id,
        attachment_id=found.id,
    )
    await audit.record(resources, note)
    key = files.object_key(waiting.owner, found.id)
    return await files.signed_url(resources, key, found.name, found.mime_type, files.SHARE_URL_SECONDS)
