"""What was never sent goes after a day; what belonged to a thread goes with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from assistant import files
from assistant.aws import keys
from assistant.aws.table import Row
from assistant.context import RequestContext
from assistant.errors import NotFoundError
from assistant.files.urls import object_key
from assistant.ids import time_prefix
from tests.support.files import PNG

pytestmark = pytest.mark.anyio


async def upload(context: RequestContext) -> str:
    made = await files.upload(
        context.resources, context.caller, BytesIO(PNG), name="a.png", declared_type="image/png", size=len(PNG)
    )
    return made.id


async def due_work(context: RequestContext, attachment_id: str, at: datetime) -> list[Row]:
    """Return the sweep's rows for an attachment that are due at that time."""
    found: list[Row] = []
    for shard in range(keys.SWEEP_SHARDS):
        rows, _ = await context.resources.table.query(f"SWEEP#{shard}", between=("0", time_prefix(at)), limit=1000)
        found += [row for row in rows if row["kind"] == "attachment" and row["attachment_id"] == attachment_id]
    return found


async def is_stored(context: RequestContext, attachment_id: str) -> bool:
    try:
        await files.load_attachment(context.resources.table, context.caller, attachment_id)
    except NotFoundError:
        return False
    return True


async def has_file(context: RequestContext, attachment_id: str) -> bool:
    return await context.resources.objects.peek(object_key(context.caller, attachment_id), 1) is not None


async def test_a_file_that_is_never_sent_is_removed_after_a_day(context: RequestContext) -> None:
    made = await upload(context)
    now = datetime.now(UTC)
    assert await due_work(context, made, now + timedelta(hours=23)) == []
    (work,) = await due_work(context, made, now + timedelta(hours=25))
    await files.sweep_unsent(context.resources, work)
    assert not await is_stored(context, made)
    assert not await has_file(context, made)
    await files.sweep_unsent(context.resources, work)


async def test_a_file_that_was_sent_stays(context: RequestContext) -> None:
    made = await upload(context)
    _, writes = await files.bind(context.resources, context.caller, [made], "thr_1")
    await context.resources.table.transact(writes)
    (work,) = await due_work(context, made, datetime.now(UTC) + timedelta(hours=25))
    await files.sweep_unsent(context.resources, work)
    assert await is_stored(context, made)
    assert await has_file(context, made)


async def test_a_sweep_that_was_killed_half_way_is_finished_by_the_next(context: RequestContext) -> None:
    made = await upload(context)
    (work,) = await due_work(context, made, datetime.now(UTC) + timedelta(hours=25))
    await context.resources.table.delete(keys.Key(context.caller.partition, keys.attachment_sk(made)))
    assert await has_file(context, made)
    await files.sweep_unsent(context.resources, work)
    assert not await has_file(context, made)


async def test_a_thread_s_files_go_with_it_and_going_twice_is_harmless(context: RequestContext) -> None:
    gone, kept = [await upload(context), await upload(context)], await upload(context)
    for _ in range(2):
        await files.delete_for_thread(context.resources, context.caller, [*gone, "a foreign id"])
    assert [await is_stored(context, each) for each in gone] == [False, False]
    assert [await has_file(context, each) for each in gone] == [False, False]
    assert await is_stored(context, kept)
    assert await has_file(context, kept)
