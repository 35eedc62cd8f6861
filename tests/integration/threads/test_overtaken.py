"""Another writer changes an item between a writer's read and write: the item and its object exist once."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from urllib.parse import unquote

import pytest

from assistant import clock
from assistant.aws import keys
from assistant.aws.table import Table, Write
from assistant.clock import now
from assistant.context import Resources
from assistant.errors import ConflictError
from assistant.operations import reads
from assistant.threads import large_objects
from assistant.upkeep.sweep import sweep
from tests.integration.threads.conftest import User
from tests.support.conversations import answered, new_thread

pytestmark = pytest.mark.anyio

# Does not fit into a row, however it is compressed.
NOISE = random.Random(11).randbytes(900_000).hex()  # noqa: S311 - reproducible, no secret
LARGE, LARGER = NOISE[:900_000], NOISE[900_000:]
IDS = pytest.mark.parametrize("item_id", [None, "__fake_id__"], ids=["id of ours", "foreign id"])


async def begin(user: User) -> str:
    thread = new_thread()
    await user.store.save_thread(thread, user.request)
    return thread.id


class LateTable(Table):
    """The table of a slow process: before each of its first transactions another action runs."""

    def __init__(self, user: User, first: list[Callable[[], Awaitable[object]]]) -> None:
        super().__init__(user.resources.settings, user.dynamodb)
        self._first = first

    async def transact(self, writes: Sequence[Write]) -> None:
        # The work row of a new object is also a transaction, but not the one to delay.
        if self._first and writes[0].put is None:
            await self._first.pop()()
        await super().transact(writes)


def overtaken(user: User, by: Callable[[], Awaitable[object]], times: int = 1) -> User:
    """Return the same user in a slow process."""
    slow = User(Resources(user.resources.settings), user.name, user.tenant_id)
    slow.resources.table = LateTable(user, [by] * times)
    slow.resources.objects = user.resources.objects
    return slow


async def objects_of(user: User, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the sweep when all its work is due, and return the objects of a user's items that remain."""
    with monkeypatch.context() as patch:
        later = now() + large_objects.UNCLAIMED_LIFETIME + timedelta(seconds=1)
        patch.setattr(clock, "now", lambda: later)
        await sweep(user.resources)
    found = user.s3.list_objects_v2(Bucket=user.resources.objects.bucket, Prefix=f"items/{user.tenant_id}/")
    return [entry["Key"] for entry in found.get("Contents", []) if f"/{user.name}/" in unquote(entry["Key"])]


async def rows_of(user: User, thread_id: str) -> list[object]:
    pk = keys.ThreadRef(user.tenant_id, user.name, thread_id).partition
    rows, _ = await user.resources.table.query(pk, between=(keys.ITEM_PREFIX, keys.ITEM_END), limit=9)
    return [(row["id"], row.get("object")) for row in rows]


@IDS
@pytest.mark.parametrize("first", ["nothing", "small", LARGE], ids=["new", "small before", "large before"])
async def test_of_two_large_versions_at_once_the_last_stays_and_no_object_but_its_own(
    user: User, monkeypatch: pytest.MonkeyPatch, item_id: str | None, first: str
) -> None:
    thread_id = await begin(user)
    theirs = answered(thread_id, LARGE, item_id)
    mine = answered(thread_id, LARGER, theirs.id)
    if first != "nothing":
        await user.store.add_thread_item(thread_id, answered(thread_id, first, theirs.id), user.request)
    slow = overtaken(user, lambda: user.store.save_item(thread_id, theirs, user.request))
    await slow.store.save_item(thread_id, mine, slow.request)
    assert (await reads.list_items(thread_id, None, None, "asc", user.request)).data == [mine]
    assert await rows_of(user, thread_id) == [(mine.id, each) for each in await objects_of(user, monkeypatch)]


@IDS
async def test_an_item_that_is_replaced_while_it_is_removed_is_removed_with_its_new_object(
    user: User, monkeypatch: pytest.MonkeyPatch, item_id: str | None
) -> None:
    thread_id = await begin(user)
    item = answered(thread_id, LARGE, item_id)
    await user.store.add_thread_item(thread_id, item, user.request)
    newer = answered(thread_id, LARGER, item.id)
    slow = overtaken(user, lambda: user.store.save_item(thread_id, newer, user.request))
    await slow.store.delete_thread_item(thread_id, item.id, slow.request)
    assert await rows_of(user, thread_id) == []
    assert await objects_of(user, monkeypatch) == []


@IDS
@pytest.mark.parametrize("again", [False, True], ids=["removed", "removed and added again"])
@pytest.mark.parametrize("late", ["write", "removal"])
async def test_what_is_removed_while_it_is_written_or_removed_is_there_once_afterwards(
    user: User, item_id: str | None, again: bool, late: str
) -> None:
    thread_id = await begin(user)
    item = answered(thread_id, "old", item_id)
    await user.store.add_thread_item(thread_id, item, user.request)

    async def remove() -> None:
        await user.store.delete_thread_item(thread_id, item.id, user.request)
        if again:
            await user.store.add_thread_item(thread_id, item, user.request)

    slow = overtaken(user, remove)
    if late == "write":
        await slow.store.save_item(thread_id, answered(thread_id, "new", item.id), slow.request)
    else:
        await slow.store.delete_thread_item(thread_id, item.id, slow.request)
    newest = answered(thread_id, "newest", item.id)
    await user.store.save_item(thread_id, newest, user.request)
    assert await user.store.load_item(thread_id, item.id, user.request) == newest
    assert (await reads.list_items(thread_id, None, None, "asc", user.request)).data == [newest]


@pytest.mark.usefixtures("no_waiting")
async def test_a_removal_that_is_always_late_is_told_so(user: User) -> None:
    thread_id = await begin(user)
    item = answered(thread_id, "old")
    await user.store.add_thread_item(thread_id, item, user.request)
    texts = ["small", LARGE] * 4
    slow = overtaken(
        user, lambda: user.store.save_item(thread_id, answered(thread_id, texts.pop(), item.id), user.request), 9
    )
    with pytest.raises(ConflictError):
        await slow.store.delete_thread_item(thread_id, item.id, slow.request)
    assert len(await rows_of(user, thread_id)) == 1
