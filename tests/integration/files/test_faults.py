"""What a bucket or a table out of reach does: a clear 503, and nothing that stays for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from assistant import clock, files
from assistant.context import RequestContext, Resources
from assistant.errors import NotFoundError, StoreUnavailableError
from assistant.files import FileRoom
from assistant.files.records import attachment_key, load_many
from assistant.upkeep.sweep import sweep
from tests.support.files import PNG

pytestmark = pytest.mark.anyio


@pytest.fixture
def no_bucket(resources: Resources) -> Resources:
    return Resources(replace(resources.settings, bucket_name="gone"))


@pytest.fixture
def no_table(resources: Resources) -> Resources:
    return Resources(replace(resources.settings, table_name="gone"))


async def upload(resources: Resources, context: RequestContext) -> str:
    made = await files.upload(resources, context.caller, BytesIO(PNG), name="a.png", declared_type="", size=len(PNG))
    return made.id


async def file_count(context: RequestContext) -> int:
    client = context.resources.objects.client
    return client.list_objects_v2(Bucket=context.resources.objects.bucket)["KeyCount"]


async def test_an_upload_without_a_bucket_leaves_only_what_the_sweep_removes(
    context: RequestContext, no_bucket: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreUnavailableError):
        await upload(no_bucket, context)
    prefix = attachment_key(context.caller, "x").pk
    left, _ = await context.resources.table.query(prefix, between=("F#", "F$"), limit=10)
    assert len(left) == 1
    tomorrow = datetime.now(UTC) + timedelta(hours=25)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)
    await sweep(context.resources)
    assert await context.resources.table.query(prefix, between=("F#", "F$"), limit=10) == ([], False)


async def test_an_upload_without_a_table_stores_no_file(context: RequestContext, no_table: Resources) -> None:
    before = await file_count(context)
    with pytest.raises(StoreUnavailableError):
        await upload(no_table, context)
    assert await file_count(context) == before


async def test_a_message_is_refused_while_its_files_cannot_be_seen(
    context: RequestContext, no_bucket: Resources
) -> None:
    made = await upload(context.resources, context)
    with pytest.raises(StoreUnavailableError):
        await files.bind(no_bucket, context.caller, [made], "thr_1")
    with pytest.raises(StoreUnavailableError):
        await files.files_to_content(
            [await files.load_attachment(context.resources.table, context.caller, made)],
            RequestContext(context.caller, no_bucket),
            FileRoom(),
        )


async def test_a_removal_that_fails_half_way_can_be_done_again(context: RequestContext, no_bucket: Resources) -> None:
    made = await upload(context.resources, context)
    with pytest.raises(StoreUnavailableError):
        await files.delete(no_bucket, context.caller, made)
    assert await load_many(context.resources.table, context.caller, [made])
    await files.delete(context.resources, context.caller, made)
    with pytest.raises(NotFoundError):
        await files.load_attachment(context.resources.table, context.caller, made)
