"""A deleted thread is invisible at once, and all its rows and objects are removed despite concurrent events."""

from __future__ import annotations

import asyncio
import random
from io import BytesIO
from typing import Any

import pytest
from chatkit.types import Page, ThreadsDeleteReq

from assistant import files
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.errors import NotFoundError, StoreUnavailableError
from assistant.files.urls import object_key
from assistant.identity import Caller
from assistant.operations import dispatch, feedback, reads
from assistant.threads import deletion
from assistant.threads.turn_record import idempotency_key, running_row
from assistant.upkeep.sweep import sweep
from tests.integration.threads.conftest import User
from tests.support.conversations import answered, new_thread, now, said
from tests.support.faults import ProcessKilledError, failing
from tests.support.files import PNG
from tests.support.rows import keys_of, put_items

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_waiting")]


def caller_of(user: User) -> Caller:
    return user.request.caller


def partition(user: User, thread_id: str) -> str:
    return keys.ThreadRef(user.tenant_id, user.name, thread_id).partition


async def begin(user: User, thread_id: str | None = None) -> str:
    thread = new_thread(thread_id)
    await user.store.save_thread(thread, user.request)
    return thread.id


async def with_file(user: User, thread_id: str) -> str:
    """Send a message with a file, and return the file's id."""
    made = await files.upload(
        user.resources, caller_of(user), BytesIO(PNG), name="a.png", declared_type="", size=len(PNG)
    )
    found, writes = await files.bind(user.resources, caller_of(user), [made.id], thread_id)
    await user.resources.table.transact(writes)
    await user.store.add_thread_item(thread_id, said(thread_id, attachments=found), user.request)
    return made.id


async def is_gone(user: User, thread_id: str) -> None:
    with pytest.raises(NotFoundError):
        await reads.get_thread(thread_id, user.request)
    for order in ("asc", "desc"):
        with pytest.raises(NotFoundError):
            await reads.list_items(thread_id, None, None, order, user.request)
        assert await user.store.load_thread_items(thread_id, None, 10, order, user.request) == Page()
    listed = await reads.list_threads(None, None, "desc", user.request)
    assert thread_id not in [thread.id for thread in listed.data]
    with pytest.raises(NotFoundError):
        await user.store.add_thread_item(thread_id, said(thread_id), user.request)


async def test_everything_of_a_thread_goes_with_it(user: User) -> None:
    thread_id, other_id = await begin(user), await begin(user)
    kept = said(other_id)
    await user.store.add_thread_item(other_id, kept, user.request)
    file_id = await with_file(user, thread_id)
    foreign = answered(thread_id, item_id="__fake_id__")
    await user.store.add_thread_item(thread_id, foreign, user.request)
    await feedback.save(thread_id, [foreign.id], "negative", user.request)
    turn = idempotency_key(None, None, "x")
    pk = partition(user, thread_id)
    await user.resources.table.put(Key(pk, keys.TURN_SK), running_row("turn_1", "I#0", "threads.create", []))
    await user.resources.table.put(Key(pk, keys.story_sk("turn_0")), {"schema_version": 1, "key": turn.sk})

    await user.store.delete_thread(thread_id, user.request)

    await is_gone(user, thread_id)
    assert keys_of(user.resources, thread_id) == []
    with pytest.raises(NotFoundError):
        await files.load_attachment(user.resources.table, caller_of(user), file_id)
    listed = user.s3.list_objects_v2(Bucket=user.resources.objects.bucket)
    assert object_key(caller_of(user), file_id) not in [each["Key"] for each in listed.get("Contents", [])]
    assert (await reads.get_thread(other_id, user.request)).items.data == [kept]


async def test_files_of_a_removed_message_go_with_the_thread(user: User) -> None:
    thread_id = await begin(user)
    file_id = await with_file(user, thread_id)
    page = await user.store.load_thread_items(thread_id, None, 10, "asc", user.request)
    await user.store.delete_thread_item(thread_id, page.data[0].id, user.request)
    assert await files.load_attachment(user.resources.table, caller_of(user), file_id)
    await user.store.delete_thread(thread_id, user.request)
    with pytest.raises(NotFoundError):
        await files.load_attachment(user.resources.table, caller_of(user), file_id)


@pytest.mark.parametrize("count", [700, pytest.param(5_000, marks=pytest.mark.exhaustive)])
async def test_a_long_thread_is_gone_at_once_and_emptied_by_the_sweep(user: User, count: int) -> None:
    thread_id = await begin(user)
    put_items(user.resources, partition(user, thread_id), [said(thread_id) for _ in range(count)])
    await user.store.delete_thread(thread_id, user.request)
    await is_gone(user, thread_id)
    assert len(keys_of(user.resources, thread_id)) > count - deletion.INLINE_ROWS - deletion.STEP_ROWS
    await sweep(user.resources)
    assert keys_of(user.resources, thread_id) == []


@pytest.mark.parametrize("after", range(8))
async def test_a_deletion_killed_at_any_call_is_finished_by_the_sweep(ann: User, after: int) -> None:
    thread_id = await begin(ann)
    put_items(ann.resources, partition(ann, thread_id), [said(thread_id) for _ in range(150)])
    with failing(ann.dynamodb, "killed", after=after), pytest.raises(ProcessKilledError):
        await ann.store.delete_thread(thread_id, ann.request)
    if after < 2:
        # A failure before the transaction changes nothing.
        assert await ann.store.load_thread(thread_id, ann.request)
        await ann.store.delete_thread(thread_id, ann.request)
    await is_gone(ann, thread_id)
    with failing(ann.dynamodb, "killed", after=after), pytest.raises(ProcessKilledError):
        await sweep(ann.resources)
    await is_gone(ann, thread_id)
    await sweep(ann.resources)
    assert keys_of(ann.resources, thread_id) == []


@pytest.mark.parametrize("after", range(3))
async def test_a_deletion_killed_at_any_call_of_the_bucket_is_finished_by_the_sweep(ann: User, after: int) -> None:
    thread_id = await begin(ann)
    file_id = await with_file(ann, thread_id)
    for _ in range(3):
        large = random.Random(7).randbytes(400_000).hex()  # noqa: S311 - reproducible, no secret
        await ann.store.add_thread_item(thread_id, answered(thread_id, large), ann.request)
    objects = [object_key(caller_of(ann), file_id), keys.ThreadRef(ann.tenant_id, ann.name, thread_id).object_prefix]

    def left() -> list[str]:
        found = ann.s3.list_objects_v2(Bucket=ann.resources.objects.bucket).get("Contents", [])
        return [each["Key"] for each in found if each["Key"].startswith(tuple(objects))]

    assert len(left()) == 4
    with failing(ann.s3, "killed", after=after), pytest.raises(ProcessKilledError):
        await ann.store.delete_thread(thread_id, ann.request)
    await is_gone(ann, thread_id)
    with failing(ann.s3, "killed", after=after), pytest.raises(ProcessKilledError):
        await sweep(ann.resources)
    await sweep(ann.resources)
    assert left() == []
    assert keys_of(ann.resources, thread_id) == []


async def test_a_throttled_removal_goes_on_where_it_stopped(ann: User) -> None:
    thread_id = await begin(ann)
    put_items(ann.resources, partition(ann, thread_id), [said(thread_id) for _ in range(400)])
    await ann.store.delete_thread(thread_id, ann.request)
    with failing(ann.dynamodb, "throttled", "BatchWriteItem", after=2):
        assert (await sweep(ann.resources)).failed == 1
    await is_gone(ann, thread_id)
    assert keys_of(ann.resources, thread_id) != []
    await sweep(ann.resources)
    assert keys_of(ann.resources, thread_id) == []


async def test_a_sweep_whose_time_is_up_goes_on_the_next_time(user: User) -> None:
    thread_id = await begin(user)
    put_items(user.resources, partition(user, thread_id), [said(thread_id) for _ in range(450)])
    await user.store.delete_thread(thread_id, user.request)
    before = len(keys_of(user.resources, thread_id))
    swept = await sweep(user.resources, time_is_up=lambda: len(keys_of(user.resources, thread_id)) < before)
    assert swept.postponed == 1
    assert 0 < len(keys_of(user.resources, thread_id)) < before
    await sweep(user.resources)
    assert keys_of(user.resources, thread_id) == []


async def test_two_sweeps_at_once_do_no_harm(user: User) -> None:
    thread_id = await begin(user)
    put_items(user.resources, partition(user, thread_id), [said(thread_id) for _ in range(450)])
    await user.store.delete_thread(thread_id, user.request)
    await asyncio.gather(sweep(user.resources), sweep(user.resources))
    assert keys_of(user.resources, thread_id) == []


async def test_work_that_cannot_be_done_does_not_keep_other_work_from_being_done(
    user: User, caplog: pytest.LogCaptureFixture
) -> None:
    table = user.resources.table
    broken = keys.sweep_key(now(), f"from a later release {user.name}", "unheard of")
    await table.put(broken, {"schema_version": 1, "kind": "unheard of", "user_id": user.name})
    thread_id = await begin(user)
    put_items(user.resources, partition(user, thread_id), [said(thread_id) for _ in range(450)])
    await user.store.delete_thread(thread_id, user.request)
    assert (await sweep(user.resources)).failed == 1
    assert keys_of(user.resources, thread_id) == []
    (failure,) = [record for record in caplog.records if record.name == "assistant.upkeep.sweep"]
    assert "unheard of failed" in failure.message
    assert "in _work" in failure.message, "whoever reads the log finds the place"
    # The log leaves out the error's text, because an error could quote a user's text.
    assert failure.exc_info is None
    # The sweep has put the work off, so its row has another key.
    rows, _ = await table.query(broken.pk, between=(keys.FIRST_SK, keys.LAST_SK), limit=100)
    [left] = [row for row in rows if row.get("user_id") == user.name and row["kind"] == "unheard of"]
    assert left["failures"] == 1
    await table.delete(Key(left["pk"], left["sk"]))


async def test_the_id_of_a_deleted_thread_can_be_used_again_and_its_removal_spares_the_new_one(user: User) -> None:
    thread_id = f"mine {user.name}"
    await begin(user, thread_id)
    await user.store.add_thread_item(thread_id, said(thread_id, "old", "msg1"), user.request)
    row = await user.resources.table.get(Key(partition(user, thread_id), keys.META_SK))
    assert row is not None
    await user.store.delete_thread(thread_id, user.request)
    assert keys_of(user.resources, partition(user, thread_id)) == []

    await begin(user, thread_id)
    new = said(thread_id, "new", "msg1")
    await user.store.add_thread_item(thread_id, new, user.request)
    # Work that a delayed sweep still has to do.
    work = {"tenant_id": user.tenant_id, "user_id": user.name, "thread_id": thread_id, "deleted_at": "2026"}
    key = keys.sweep_key(now(), partition(user, thread_id), deletion.PURGE_KIND)
    await user.resources.table.put(key, {**work, "schema_version": 1, "kind": deletion.PURGE_KIND})
    assert (await sweep(user.resources)).failed == 0
    assert (await reads.get_thread(thread_id, user.request)).items.data == [new]


@pytest.mark.parametrize("slow", ["rows", "objects", "the metadata"])
async def test_a_removal_that_others_finish_first_spares_what_a_new_thread_of_the_same_id_holds(
    user: User, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    thread_id = f"mine {user.name}"
    await begin(user, thread_id)
    await user.store.add_thread_item(thread_id, said(thread_id, "old", "msg1"), user.request)
    large = random.Random(7).randbytes(500_000).hex()  # noqa: S311 - reproducible, no secret
    new = said(thread_id, large, "msg1")
    table, objects = user.resources.table, user.resources.objects
    query, get, first_keys = table.query, table.get, objects.first_keys

    async def others_finish() -> None:
        monkeypatch.setattr(table, "query", query)
        monkeypatch.setattr(table, "get", get)
        monkeypatch.setattr(objects, "first_keys", first_keys)
        await sweep(user.resources)
        await begin(user, thread_id)
        await user.store.add_thread_item(thread_id, new, user.request)

    async def late_query(pk: str, **given: Any) -> Any:
        await others_finish()
        return await query(pk, **given)

    async def late_get(key: Key) -> Any:
        row = await get(key)
        if row is not None and row.get("deleted_at"):
            await others_finish()
        return row

    async def late_first_keys(prefix: str) -> list[str]:
        await others_finish()
        return await first_keys(prefix)

    if slow == "rows":
        monkeypatch.setattr(table, "query", late_query)
    elif slow == "the metadata":
        monkeypatch.setattr(table, "get", late_get)
    else:
        monkeypatch.setattr(objects, "first_keys", late_first_keys)
    await user.store.delete_thread(thread_id, user.request)
    assert await user.store.load_item(thread_id, "msg1", user.request) == new


async def test_a_writer_that_had_the_thread_in_hand_does_not_bring_it_back(user: User) -> None:
    thread_id = await begin(user)
    slow = user.request
    thread = await user.store.load_thread(thread_id, slow)
    await user.store.delete_thread(thread_id, user.request)
    thread.title = "a title that came late"
    with pytest.raises(NotFoundError):
        await user.store.save_thread(thread, slow)
    await is_gone(user, thread_id)


async def test_a_deletion_that_cannot_be_noted_has_not_happened(ann: User) -> None:
    thread_id = await begin(ann)
    request = ThreadsDeleteReq.model_validate({"type": "threads.delete", "params": {"thread_id": thread_id}})
    with failing(ann.dynamodb, "throttled", "TransactWriteItems"), pytest.raises(StoreUnavailableError):
        await dispatch.perform(request, ann.request)
    assert (await reads.get_thread(thread_id, ann.request)).id == thread_id
