"""Concurrent writers of one thread lose no change and duplicate no item.

What runs on several threads at once runs on ministack alone: moto takes no locks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from chatkit.types import LockedStatus

from assistant.aws.table import Write
from assistant.errors import ConflictError, NotFoundError
from assistant.operations import reads
from tests.integration.threads.conftest import MakeResources, User
from tests.support.conversations import answered, new_thread, said
from tests.support.faults import failing

pytestmark = pytest.mark.anyio


async def begin(user: User) -> str:
    thread = new_thread()
    await user.store.save_thread(thread, user.request)
    return thread.id


async def test_a_title_set_by_one_survives_metadata_set_by_another(user: User) -> None:
    thread_id = await begin(user)
    one, other = user.request, user.request
    mine, theirs = await user.store.load_thread(thread_id, one), await user.store.load_thread(thread_id, other)
    theirs.title = "theirs"
    await user.store.save_thread(theirs, other)
    mine.metadata["key"] = "mine"
    await user.store.save_thread(mine, one)
    mine.status = LockedStatus()
    await user.store.save_thread(mine, one)
    thread = await user.store.load_thread(thread_id, user.request)
    assert (thread.title, thread.metadata, thread.status) == ("theirs", {"key": "mine"}, LockedStatus())


async def test_a_key_removed_by_one_stays_removed_and_a_key_set_by_another_stays_set(user: User) -> None:
    thread = new_thread(metadata={"a": 1, "b": 2})
    await user.store.save_thread(thread, user.request)
    one, other = user.request, user.request
    mine, theirs = await user.store.load_thread(thread.id, one), await user.store.load_thread(thread.id, other)
    del theirs.metadata["a"]
    theirs.metadata["c"] = 3
    await user.store.save_thread(theirs, other)
    mine.metadata["b"] = 20
    await user.store.save_thread(mine, one)
    assert (await user.store.load_thread(thread.id, user.request)).metadata == {"b": 20, "c": 3}


async def test_many_writers_of_metadata_all_succeed(ann: User) -> None:
    thread_id = await begin(ann)

    async def write(number: int) -> None:
        request = ann.request
        thread = await ann.store.load_thread(thread_id, request)
        thread.metadata[str(number)] = number
        await ann.store.save_thread(thread, request)

    await asyncio.gather(*(write(number) for number in range(20)))
    thread = await ann.store.load_thread(thread_id, ann.request)
    assert thread.metadata == {str(number): number for number in range(20)}
    [listed] = (await ann.store.load_threads(10, None, "desc", ann.request)).data
    assert listed == thread


async def test_a_stale_write_is_refused_and_made_again_on_what_is_there(ann: User) -> None:
    thread_id = await begin(ann)
    slow = ann.request
    mine = await ann.store.load_thread(thread_id, slow)
    quick = await ann.store.load_thread(thread_id, ann.request)
    quick.title = "quick"
    await ann.store.save_thread(quick, ann.request)
    mine.metadata["n"] = 1
    with failing(ann.dynamodb, None) as calls:
        await ann.store.save_thread(mine, slow)
    # The refusal contains the current row, so no read is needed.
    assert calls.seen == ["TransactWriteItems", "TransactWriteItems"]


@pytest.mark.usefixtures("no_waiting")
async def test_a_writer_that_is_always_late_is_told_so(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    thread_id = await begin(ann)
    request = ann.request
    mine = await ann.store.load_thread(thread_id, request)
    mine.title = "mine"
    table = ann.resources.table
    transact = table.transact

    async def someone_is_faster(writes: Sequence[Write]) -> None:
        other = ann.request
        thread = await ann.store.load_thread(thread_id, other)
        thread.metadata["n"] = thread.metadata.get("n", 0) + 1
        monkeypatch.setattr(table, "transact", transact)
        await ann.store.save_thread(thread, other)
        monkeypatch.setattr(table, "transact", someone_is_faster)
        await transact(writes)

    monkeypatch.setattr(table, "transact", someone_is_faster)
    with pytest.raises(ConflictError):
        await ann.store.save_thread(mine, request)
    monkeypatch.setattr(table, "transact", transact)
    assert (await ann.store.load_thread(thread_id, ann.request)).title is None


async def test_two_requests_that_create_one_thread_make_one(ann: User) -> None:
    thread_id = f"same {ann.name}"
    threads = [new_thread(thread_id, metadata={str(number): number}) for number in range(4)]
    await asyncio.gather(*(ann.store.save_thread(thread, ann.request) for thread in threads))
    listed = await ann.store.load_threads(10, None, "asc", ann.request)
    assert [thread.id for thread in listed.data] == [thread_id]
    assert listed.data[0].metadata == {str(number): number for number in range(4)}


async def test_items_added_at_once_are_all_there_once(ann: User) -> None:
    thread_id = await begin(ann)
    items = [said(thread_id, str(number)) for number in range(12)]
    await asyncio.gather(*(ann.store.add_thread_item(thread_id, item, ann.request) for item in items))
    assert (await reads.list_items(thread_id, None, None, "asc", ann.request)).data == items


async def test_one_foreign_id_added_by_many_at_once_is_there_once(ann: User) -> None:
    thread_id = await begin(ann)
    versions = [answered(thread_id, str(number), "__fake_id__") for number in range(6)]
    await asyncio.gather(*(ann.store.add_thread_item(thread_id, item, ann.request) for item in versions))
    page = await reads.list_items(thread_id, None, None, "asc", ann.request)
    assert len(page.data) == 1
    assert page.data[0] in versions


async def test_an_item_and_the_deletion_of_its_thread_leave_no_item_without_a_thread(
    make_resources: MakeResources, ann: User
) -> None:
    for _ in range(5):
        thread_id = await begin(ann)
        other = User(make_resources(), ann.name)
        results = await asyncio.gather(
            *(ann.store.add_thread_item(thread_id, said(thread_id), ann.request) for _ in range(3)),
            other.store.delete_thread(thread_id, other.request),
            return_exceptions=True,
        )
        assert all(result is None or isinstance(result, NotFoundError) for result in results)
        with pytest.raises(NotFoundError):
            await reads.get_thread(thread_id, ann.request)
