"""Copy a user's files for another thread of the same user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from chatkit.types import Attachment

from assistant import clock
from assistant.aws import Write
from assistant.context import Resources
from assistant.files import records
from assistant.files.scan import scan_result
from assistant.files.urls import is_ours, object_key, without_urls
from assistant.identity import Caller


async def copies_for_thread(
    resources: Resources, owner: Caller, attachment_ids: Sequence[str], thread_id: str, named: Callable[[str], str]
) -> tuple[dict[str, Attachment], list[Write]]:
    """Copy the bytes of files, and return the copies by the sources' ids, with the writes of their rows.

    A file that no longer exists is left out. A file that is not clean keeps its row only.

    Args:
        resources: The process's table and bucket.
        owner: The user of both threads.
        attachment_ids: The files.
        thread_id: The thread of the copies.
        named: Returns the id of a copy.
    """
    wanted = [records.attachment_key(owner, each) for each in dict.fromkeys(attachment_ids)]
    found = await resources.table.get_many(wanted) if wanted else {}
    made: dict[str, Attachment] = {}
    now = clock.now()
    writes: list[Write] = []
    for row in found.values():
        source = records.attachment_of(row)
        copy = without_urls(source.model_copy(update={"id": named(source.id), "thread_id": thread_id}))
        made[source.id] = copy
        writes.append(records.copy_write(owner, copy, row, now))
    # If the rows are never written, the sweep removes the bytes like those of a file that was never sent.
    works = [
        records.unsent_work(owner, each.key, copy.id, now) for each, copy in zip(writes, made.values(), strict=True)
    ]
    if works:
        await resources.table.transact(works)
    await asyncio.gather(*(_copy_bytes(resources, owner, records.attachment_of(row), made) for row in found.values()))
    return made, writes


async def _copy_bytes(resources: Resources, owner: Caller, source: Attachment, made: dict[str, Attachment]) -> None:
    if not is_ours(source.id):
        return
    try:
        if await scan_result(resources, owner, source) == "clean":
            await resources.objects.copy(object_key(owner, source.id), object_key(owner, made[source.id].id))
    except KeyError:
        return  # The bytes are gone, and the source shows the file without them too.
