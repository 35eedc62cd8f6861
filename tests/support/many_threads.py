"""Many threads of one user, written without turns: for a search over them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from chatkit.types import AssistantMessageContent, AssistantMessageItem, ThreadMetadata

from assistant import clock
from assistant.aws import Write, keys
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.ids import new_id
from assistant.search.rows import all_words, words_key, words_write
from assistant.threads import thread_store
from tests.support.conversations import said

# A transaction of DynamoDB has 100 writes, and a thread here has up to 27.
THREADS_AT_ONCE = 3


def messages(thread_id: str, number: int, count: int) -> Iterator[Any]:
    """Yield a thread's messages, of about 40 words each from a vocabulary of some thousand."""
    for place in range(count):
        words = [f"w{zlib.crc32(f'{number}.{place}.{at}'.encode()) % 4000}" for at in range(40)]
        text = " ".join([f"thread{number}", *words])
        if place % 2 == 0:
            yield said(thread_id, text)
        else:
            content = [AssistantMessageContent(text=text)]
            yield AssistantMessageItem(id=new_id("msg"), thread_id=thread_id, created_at=clock.now(), content=content)


async def write_threads(resources: Resources, caller: Caller, count: int, messages_each: int = 20) -> list[str]:
    """Write threads with their words, and return their ids, the oldest first."""
    store, made, pending = thread_store(resources), [], []
    for number in range(count):
        context = RequestContext(caller, resources)
        thread = ThreadMetadata(id=new_id("thr"), created_at=clock.now(), title=f"Title {number}")
        items = list(messages(thread.id, number, messages_each))
        writes: list[Write] = [each for each in store.creation(thread, context) if not each.key.sk.startswith("U#")]
        for item in items:
            writes += await store.item_writes(thread.id, item, context)
        place = keys.own_place(thread.id) or ""
        writes.append(words_write(words_key(caller, place), all_words(items), items[-1].id, None, None))
        pending += writes
        made.append(thread.id)
        if (number + 1) % THREADS_AT_ONCE == 0 or number + 1 == count:
            await resources.table.transact(pending)
            pending = []
    return made


async def words_bytes(resources: Resources, caller: Caller) -> list[int]:
    """Return the sizes of the rows with words."""
    between = (keys.WORDS_PREFIX, "W$")
    return [len(row["blob"]) async for row in resources.table.rows(caller.partition, between=between, page=500)]
