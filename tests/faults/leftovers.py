"""Operations of the store whose work does not end with their first write, and what none of them may leave behind."""

from __future__ import annotations

import asyncio
import random
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

from chatkit.types import FileAttachment, GeneratedImage, GeneratedImageItem, ThreadItem

from assistant import clock, files, search
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.aws.rowformat import load
from assistant.context import RequestContext, Resources
from assistant.files import keep_picture
from assistant.forks import fork_thread
from assistant.identity import Caller
from assistant.ids import new_id
from assistant.threads import row_key
from assistant.threads.store import ThreadStore
from assistant.upkeep import (
    erase,
    erase_tenant,
    make_export,
    request_erasure,
    request_export,
    request_take_along,
    request_tenant_erasure,
    sweep,
)
from assistant.upkeep import take_along as upkeep_take_along
from scripts.importing.document import ReadThread
from scripts.importing.source import Source
from scripts.importing.store import import_thread
from tests.support.conversations import answered, new_thread, said
from tests.support.files import PNG
from tests.support.rows import put_items
from tests.support.store import request_of

USER = "ann"
# An item of this is an object in the bucket.
LARGE = random.Random(7).randbytes(400_000).hex()  # noqa: S311 - reproducible, no secret
# Rows of the user have these partitions.
PARTITIONS = (f"USER#acme#{USER}", f"THREAD#acme#{USER}#")
# With the items below, more rows than one step of a deletion removes.
SHORT_ITEMS = 110

# Performs the operation.
Act = Callable[[Resources], Awaitable[object]]
# Makes everything ready on healthy resources.
Scene = Callable[[Resources], Awaitable[Act]]


async def _thread(resources: Resources, thread_id: str | None = None) -> str:
    """Make a thread with short items, two objects, a file and a picture."""
    store, request = ThreadStore(resources), request_of(resources, USER)
    thread = new_thread(thread_id)
    await store.save_thread(thread, request)
    file_id = await _upload(resources)
    found, writes = await files.bind(resources, request.caller, [file_id], thread.id)
    await resources.table.transact(writes)
    await store.add_thread_item(thread.id, said(thread.id, attachments=found), request)
    partition = request.caller.thread(thread.id).partition
    put_items(resources, partition, [answered(thread.id) for _ in range(SHORT_ITEMS)])
    for _ in range(2):
        await store.add_thread_item(thread.id, answered(thread.id, LARGE), request)
    image = GeneratedImage(id="i", url=await keep_picture(b64encode(PNG).decode(), thread.id, request))
    item = GeneratedImageItem(id=new_id("msg"), thread_id=thread.id, created_at=clock.now(), image=image)
    await store.add_thread_item(thread.id, item, request)
    await search.rebuild(resources, request.caller, thread.id)
    return thread.id


async def _upload(resources: Resources) -> str:
    caller = request_of(resources, USER).caller
    made = await files.upload(resources, caller, BytesIO(PNG), name="a.png", declared_type="", size=len(PNG))
    return made.id


async def deletion(resources: Resources) -> Act:
    """Delete a thread."""
    thread_id = await _thread(resources)
    return lambda faulty: ThreadStore(faulty).delete_thread(thread_id, request_of(faulty, USER))


async def deletion_of_a_foreign_id(resources: Resources) -> Act:
    """Delete a thread whose id another system has made."""
    thread_id = await _thread(resources, "their-thread")
    return lambda faulty: ThreadStore(faulty).delete_thread(thread_id, request_of(faulty, USER))


async def large_item(resources: Resources) -> Act:
    """Store an item that becomes an object."""
    thread_id = await _thread(resources)
    item = answered(thread_id, LARGE)
    return lambda faulty: ThreadStore(faulty).add_thread_item(thread_id, item, request_of(faulty, USER))


async def replacement(resources: Resources) -> Act:
    """Replace an object's item by another large version."""
    thread_id = await _thread(resources)
    item = answered(thread_id, LARGE)
    await ThreadStore(resources).add_thread_item(thread_id, item, request_of(resources, USER))
    newer = answered(thread_id, LARGE[::-1], item.id)
    return lambda faulty: ThreadStore(faulty).save_item(thread_id, newer, request_of(faulty, USER))


async def removal(resources: Resources) -> Act:
    """Remove an object's item."""
    thread_id = await _thread(resources)
    item = answered(thread_id, LARGE)
    await ThreadStore(resources).add_thread_item(thread_id, item, request_of(resources, USER))
    return lambda faulty: ThreadStore(faulty).delete_thread_item(thread_id, item.id, request_of(faulty, USER))


async def upload(resources: Resources) -> Act:
    """Upload a file that is never sent."""
    return _upload


async def removal_of_a_file(resources: Resources) -> Act:
    """Delete a file that was not sent."""
    file_id = await _upload(resources)
    return lambda faulty: files.delete(faulty, request_of(faulty, USER).caller, file_id)


async def picture_of_a_deleted_thread(resources: Resources) -> Act:
    """Keep a picture whose thread is deleted meanwhile."""
    thread_id = await _thread(resources)
    await ThreadStore(resources).delete_thread(thread_id, request_of(resources, USER))
    return lambda faulty: keep_picture(b64encode(PNG).decode(), thread_id, request_of(faulty, USER))


async def erasure(resources: Resources) -> Act:
    """Erase a user whose erasure was asked for."""
    await _thread(resources)
    await _upload(resources)
    work = await request_erasure(resources, request_of(resources, USER).caller)
    return lambda faulty: erase(faulty, work)


async def erasure_of_the_tenant(resources: Resources) -> Act:
    """Erase a tenant whose erasure was asked for."""
    await _thread(resources)
    await _upload(resources)
    work = await request_tenant_erasure(resources, "acme")
    return lambda faulty: erase_tenant(faulty, work)


async def export(resources: Resources) -> Act:
    """Export the data of a user."""
    await _thread(resources)
    await _upload(resources)

    async def act(faulty: Resources) -> None:
        work = await request_export(faulty, request_of(faulty, USER).caller)
        assert await make_export(faulty, work)
        await faulty.table.delete(row_key(work))

    return act


async def words_of_a_thread(resources: Resources) -> Act:
    """Write a thread's words anew."""
    thread_id = await _thread(resources)
    return lambda faulty: search.rebuild(faulty, request_of(faulty, USER).caller, thread_id)


async def words_of_a_deleted_thread(resources: Resources) -> Act:
    """Write the words of a thread that is deleted just before they are written."""
    thread_id = await _thread(resources)

    async def act(faulty: Resources) -> None:
        writing = asyncio.create_task(search.rebuild(faulty, request_of(faulty, USER).caller, thread_id))
        await asyncio.sleep(0)
        await ThreadStore(resources).delete_thread(thread_id, request_of(resources, USER))
        await writing

    return act


async def first_search(resources: Resources) -> Act:
    """Search threads that have no words yet."""
    caller = request_of(resources, USER).caller
    for _ in range(2):
        thread = new_thread()
        await ThreadStore(resources).save_thread(thread, request_of(resources, USER))
        await ThreadStore(resources).add_thread_item(thread.id, answered(thread.id), request_of(resources, USER))
    return lambda faulty: search.search("word", RequestContext(caller, faulty))


async def expiry(resources: Resources) -> Act:
    """Sweep when threads and files may have expired."""
    await _thread(resources)
    await _upload(resources)
    return sweep


async def take_along(resources: Resources) -> Act:
    """Take the threads of a visitor along."""
    visitor, user = request_of(resources, USER).caller, Caller("acme", "signed-in")
    await _thread(resources)
    await _thread(resources, "their-thread")
    await _upload(resources)

    async def act(faulty: Resources) -> None:
        work = await request_take_along(faulty, visitor, user)
        assert await upkeep_take_along(faulty, work)
        await faulty.table.delete(row_key(work))

    return act


async def fork(resources: Resources) -> Act:
    """Copy a thread into a new one."""
    thread_id = await _thread(resources)
    page = await ThreadStore(resources).load_thread_items(thread_id, None, 1, "desc", request_of(resources, USER))
    newest = page.data[0].id
    return lambda faulty: fork_thread(thread_id, newest, request_of(faulty, USER))


async def import_of_a_thread(resources: Resources) -> Act:
    """Import a thread of another backend, with a file, a picture and large items."""
    folder = TemporaryDirectory()
    (Path(folder.name) / "a").write_bytes(PNG)
    thread = new_thread()
    attachment = FileAttachment(id="a", name="a.png", mime_type="image/png")
    image = GeneratedImage(id="i", url=f"data:image/png;base64,{b64encode(PNG).decode()}")
    items: list[ThreadItem] = [
        said(thread.id, attachments=[attachment]),
        answered(thread.id, LARGE),
        GeneratedImageItem(id=new_id("msg"), thread_id=thread.id, created_at=clock.now(), image=image),
        # A foreign id takes two rows.
        *[answered(thread.id, item_id=f"their-{number}") for number in range(SHORT_ITEMS // 2)],
    ]

    async def act(faulty: Resources) -> None:
        source = Source(Path(folder.name), Path(folder.name))
        await import_thread(faulty, request_of(faulty, USER).caller, ReadThread(thread, items), source)

    return act


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        deletion,
        deletion_of_a_foreign_id,
        large_item,
        replacement,
        removal,
        upload,
        removal_of_a_file,
        picture_of_a_deleted_thread,
        erasure,
        erasure_of_the_tenant,
        export,
        words_of_a_thread,
        words_of_a_deleted_thread,
        first_search,
        expiry,
        take_along,
        import_of_a_thread,
        fork,
    )
}


def leftovers(resources: Resources, moment: datetime) -> list[str]:
    """Return what belongs to nothing: rows without a thread, objects and files without a row, and work that is due.

    Args:
        resources: The table and the bucket.
        moment: When work counts as due.
    """
    client: Any = resources.table.client
    pages = client.get_paginator("scan").paginate(TableName=resources.table.name, ConsistentRead=True)
    rows = [load(item) for page in pages for item in page["Items"]]
    found = resources.objects.client.list_objects_v2(Bucket=resources.objects.bucket).get("Contents", [])
    objects = {each["Key"] for each in found}
    living = {row["pk"] for row in rows if row["sk"] == "~meta" and not row.get("deleted_at")}
    held: set[str] = set()
    for row in rows:
        if not row["pk"].startswith("SWEEP#"):
            held |= {row["object"], *row.get("images", [])} if "object" in row else set(row.get("images", []))
    in_lists = [row for row in rows if row["sk"].startswith(keys.THREAD_LIST_PREFIX)]
    listed = {row["id"] for row in in_lists}
    with_words = {Key(row["pk"], keys.words_sk(row["place"])) for row in in_lists if not row.get("deleted_at")}
    words = {row_key(row) for row in rows if row["sk"].startswith(keys.WORDS_PREFIX)}
    names = {row["sk"].removeprefix("F#") for row in rows if row["pk"].startswith("USER#") and row["sk"][:2] == "F#"}
    bare = {key for key in objects if not key.startswith("attachments/")}
    uploaded = {unquote(key.rsplit("/", 1)[-1]) for key in objects - bare}
    return [
        *(f"row without a thread: {row['pk']} {row['sk']}" for row in rows if _is_orphan(row, living)),
        *(f"listed without a thread: {each}" for each in listed - {unquote(pk.split("#")[-1]) for pk in living}),
        *(f"words without a thread: {each}" for each in words - with_words),
        *(f"work: {row}" for row in rows if row["pk"].startswith("SWEEP#") and keys.sweep_due(row["sk"]) <= moment),
        *(f"object without a row: {each}" for each in bare - held),
        *(f"row without its object: {each}" for each in held - objects),
        *(f"file without a row: {each}" for each in uploaded - names),
        *(f"row without its file: {each}" for each in names - uploaded),
    ]


def _is_orphan(row: dict[str, Any], living: set[str]) -> bool:
    return row["pk"].startswith("THREAD#") and row["pk"] not in living
