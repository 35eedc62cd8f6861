"""Items of any size are compressed or moved to the bucket, and read back complete."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest

from assistant import clock
from assistant.errors import TooLargeError
from assistant.operations import reads
from assistant.threads import large_objects
from assistant.threads.pages import MAX_PAGE_BYTES
from assistant.threads.rows import MAX_ITEM_BYTES
from assistant.threads.snapshot import read_snapshot
from assistant.upkeep.sweep import sweep
from tests.integration.threads.conftest import User
from tests.support.conversations import answered, new_thread, said
from tests.support.faults import ProcessKilledError, failing

pytestmark = pytest.mark.anyio

RANDOM = random.Random(7)  # noqa: S311 - reproducible, no secret
# Does not compress below half its size.
NOISE = RANDOM.randbytes(5_200_000).hex()
MEGABYTE = 1_000_000


async def begin(user: User) -> str:
    thread = new_thread()
    await user.store.save_thread(thread, user.request)
    return thread.id


def objects_of(user: User) -> list[str]:
    found = user.s3.list_objects_v2(Bucket=user.resources.objects.bucket, Prefix=f"items/{user.tenant_id}/")
    return [entry["Key"] for entry in found.get("Contents", []) if user.name in unquote(entry["Key"])]


@pytest.mark.parametrize(
    ("text", "offloaded"),
    [
        ("", False),
        ("x" * 3_000, False),
        ("y" * 10 * MEGABYTE, False),
        (NOISE[:340_000], False),
        (NOISE[:800_000], True),
        ('"\\\n\x01😀' * 500_000, False),
        (NOISE[: 10 * MEGABYTE], True),
    ],
    ids=["empty", "plain", "10 MB that compress", "just inside", "just outside", "escapes", "10 MB that do not"],
)
async def test_an_item_comes_back_byte_for_byte(user: User, text: str, offloaded: bool) -> None:
    thread_id = await begin(user)
    item = said(thread_id, text)
    await user.store.add_thread_item(thread_id, item, user.request)
    assert await user.store.load_item(thread_id, item.id, user.request) == item
    assert (await reads.get_thread(thread_id, user.request)).items.data == [item]
    assert bool(objects_of(user)) is offloaded


async def test_an_item_over_the_limit_is_refused_and_leaves_nothing(user: User) -> None:
    thread_id = await begin(user)
    item = said(thread_id, "x" * (MAX_ITEM_BYTES + 1))
    with pytest.raises(TooLargeError):
        await user.store.add_thread_item(thread_id, item, user.request)
    assert (await reads.get_thread(thread_id, user.request)).items.data == []
    assert objects_of(user) == []


async def test_metadata_over_the_limit_is_refused_and_leaves_the_thread_as_it_was(user: User) -> None:
    thread_id = await begin(user)
    with pytest.raises(TooLargeError):
        await user.store.save_thread(new_thread(thread_id, metadata={"n": NOISE[: 2 * MEGABYTE]}), user.request)
    assert (await user.store.load_thread(thread_id, user.request)).metadata == {}


async def test_an_object_goes_with_its_item_and_with_each_earlier_version_of_it(user: User) -> None:
    thread_id = await begin(user)
    item = answered(thread_id, NOISE[:MEGABYTE])
    await user.store.add_thread_item(thread_id, item, user.request)
    [first] = objects_of(user)
    await user.store.save_item(thread_id, answered(thread_id, NOISE[-MEGABYTE:], item.id), user.request)
    [second] = objects_of(user)
    assert first != second
    await user.store.save_item(thread_id, answered(thread_id, "short", item.id), user.request)
    assert objects_of(user) == []
    await user.store.save_item(thread_id, item, user.request)
    await user.store.delete_thread_item(thread_id, item.id, user.request)
    assert objects_of(user) == []


async def test_objects_go_with_their_thread(user: User) -> None:
    thread_id = await begin(user)
    for _ in range(3):
        await user.store.add_thread_item(thread_id, said(thread_id, NOISE[:MEGABYTE]), user.request)
    assert len(objects_of(user)) == 3
    await user.store.delete_thread(thread_id, user.request)
    assert objects_of(user) == []


async def test_a_crash_between_the_two_writes_shows_nothing_and_leaves_nothing(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread_id = await begin(ann)
    old = answered(thread_id, "old")
    await ann.store.add_thread_item(thread_id, old, ann.request)
    with (
        failing(ann.dynamodb, "killed", "TransactWriteItems", after=1),
        pytest.raises(ProcessKilledError),
    ):
        await ann.store.save_item(thread_id, answered(thread_id, NOISE[:MEGABYTE], old.id), ann.request)
    assert len(objects_of(ann)) == 1
    assert (await reads.get_thread(thread_id, ann.request)).items.data == [old]
    await sweep(ann.resources)
    assert len(objects_of(ann)) == 1, "a transaction under way could still need it"
    later = datetime.now(UTC) + large_objects.UNCLAIMED_LIFETIME + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    await sweep(ann.resources)
    assert objects_of(ann) == []
    assert (await reads.get_thread(thread_id, ann.request)).items.data == [old]


async def test_a_crash_after_the_second_write_loses_no_object_and_leaves_none_behind(ann: User) -> None:
    thread_id = await begin(ann)
    item = answered(thread_id, NOISE[:MEGABYTE])
    await ann.store.add_thread_item(thread_id, item, ann.request)
    newer = answered(thread_id, NOISE[-MEGABYTE:], item.id)
    with failing(ann.s3, "killed", "DeleteObjects"), pytest.raises(ProcessKilledError):
        await ann.store.save_item(thread_id, newer, ann.request)
    assert len(objects_of(ann)) == 2
    await sweep(ann.resources)
    assert len(objects_of(ann)) == 1
    assert await ann.store.load_item(thread_id, item.id, ann.request) == newer


async def test_a_reader_that_meets_a_new_version_reads_that(user: User) -> None:
    thread_id = await begin(user)
    item = answered(thread_id, NOISE[:MEGABYTE])
    await user.store.add_thread_item(thread_id, item, user.request)
    row = await user.store.find_item(thread_id, item.id, user.request)
    assert row is not None
    newer = answered(thread_id, NOISE[-MEGABYTE:], item.id)
    await user.store.save_item(thread_id, newer, user.request)
    assert await user.store.decode_items([row]) == [newer]
    await user.store.delete_thread_item(thread_id, item.id, user.request)
    assert await user.store.decode_items([row]) == []


async def test_a_page_over_6_mb_comes_shorter_and_goes_on(user: User) -> None:
    thread_id = await begin(user)
    # Each item is small in the table, and twice as large inside a Lambda answer.
    items = [said(thread_id, f'{each}"' + '"' * 900_000) for each in range(5)]
    for item in items:
        await user.store.add_thread_item(thread_id, item, user.request)
    seen = []
    after = None
    for _ in range(len(items)):
        page = await reads.list_items(thread_id, 100, after, "asc", user.request)
        assert sum(len(item.model_dump_json()) * 2 for item in page.data) < MAX_PAGE_BYTES * 1.2
        seen += page.data
        after = page.after
        if not page.has_more:
            break
    assert seen == items
    newest = await reads.get_thread(thread_id, user.request)
    assert newest.items.has_more
    assert newest.items.data == items[-len(newest.items.data) :]


async def test_an_item_larger_than_a_page_is_a_page_by_itself(user: User) -> None:
    thread_id = await begin(user)
    items = [said(thread_id, "x" * 7 * MEGABYTE), said(thread_id, "y" * 7 * MEGABYTE)]
    for item in items:
        await user.store.add_thread_item(thread_id, item, user.request)
    page = await reads.list_items(thread_id, None, None, "asc", user.request)
    assert (page.data, page.has_more) == (items[:1], True)


async def test_large_items_are_not_packed_on_the_event_loop(user: User) -> None:
    thread_id = await begin(user)
    item = said(thread_id, NOISE[: 8 * MEGABYTE])
    calls: list[object] = []
    original = asyncio.to_thread

    async def counted(function: object, /, *args: object, **kwargs: object) -> object:
        calls.append(function)
        return await original(function, *args, **kwargs)  # type: ignore[arg-type]  # what is counted is passed on as it is

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "to_thread", counted)
        await user.store.add_thread_item(thread_id, item, user.request)
        await user.store.load_item(thread_id, item.id, user.request)
    assert [getattr(each, "__name__", "") for each in calls] == ["item_row", "load_item"]


async def test_a_turn_decodes_only_items_that_fit_its_history(ann: User) -> None:
    thread_id = await begin(ann)
    # Small in the table, because it compresses well.
    large = "a" * 5_900_000
    items = [said(thread_id, large) for _ in range(12)]
    for item in items:
        await ann.store.add_thread_item(thread_id, item, ann.request)
    tracemalloc.start()
    try:
        snapshot = await read_snapshot(thread_id, ann.request)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [item.id for item in snapshot.items] == [items[-1].id]
    assert not snapshot.complete
    assert peak < 6 * len(large), "one message in some forms, not twelve"
