"""This release reads, continues and removes the tables of every earlier release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from assistant import files
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import NotFoundError
from assistant.operations import reads
from assistant.threads.rows import SCHEMA_VERSION
from assistant.threads.store import ThreadStore
from assistant.threads.turn_record import load_record
from assistant.upkeep.sweep import sweep
from tests.golden.write import FOLDER, TABLE, TENANT, USER, from_json, seen, write
from tests.support.conversations import said
from tests.support.rows import keys_of
from tests.support.store import make_moto_bucket, make_moto_table, request_of, resources_on

pytestmark = pytest.mark.anyio


class Golden:
    """The table of a release, and the threads that its user saw."""

    def __init__(self, path: Path) -> None:
        content = json.loads(path.read_text())
        self.expected: Any = content["expected"]
        self.rows: Any = content["rows"]
        make_moto_table(TABLE)
        make_moto_bucket(TABLE)
        self.resources: Resources = resources_on(None, TABLE, TABLE)
        for row in from_json(self.rows):
            self.resources.table.client.put_item(TableName=TABLE, Item=row)
        for key, body in from_json(content["objects"]).items():
            self.resources.objects.client.put_object(Bucket=TABLE, Key=key, Body=body)

    @property
    def request(self) -> RequestContext:
        return request_of(self.resources, USER, TENANT)

    @property
    def store(self) -> ThreadStore:
        return ThreadStore(self.resources)

    @property
    def threads(self) -> list[Any]:
        threads: list[Any] = self.expected["threads"]
        return threads


@pytest.fixture(params=sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> Iterator[Golden]:
    with mock_aws():
        yield Golden(request.param)


async def test_threads_look_as_they_did(golden: Golden) -> None:
    for expected in golden.threads:
        assert seen(await reads.get_thread(expected["id"], golden.request)) == expected
    listed = await reads.list_threads(None, None, "asc", golden.request)
    assert [thread.id for thread in listed.data] == sorted(
        (thread["id"] for thread in golden.threads),
        key=lambda each: next(t["created_at"] for t in golden.threads if t["id"] == each),
    )


async def test_items_are_read_one_by_one_and_hidden_ones_by_the_model(golden: Golden) -> None:
    for thread in golden.threads:
        page = await golden.store.load_thread_items(thread["id"], None, 100, "asc", golden.request)
        stored = {item.id: item.model_dump(mode="json") for item in page.data}
        assert [each["id"] for each in thread["items"]["data"]] == [
            each for each in stored if each not in hidden(golden)
        ]
        for item_id in stored:
            assert (await golden.store.load_item(thread["id"], item_id, golden.request)).id == item_id
        for item_id, expected in hidden(golden).items():
            assert stored.get(item_id, expected) == expected


def hidden(golden: Golden) -> dict[str, Any]:
    return {item["id"]: item for item in golden.expected["hidden"]}


async def test_cursors_of_items_that_are_gone_are_still_good(golden: Golden) -> None:
    page = await reads.list_items("foreign#1", None, "gone", "desc", golden.request)
    assert [item.id for item in page.data] == ["msg1", "__fake_id__"]


async def test_feedback_attachments_and_turns_are_there(golden: Golden) -> None:
    rows = [from_json(row) for row in golden.rows]
    assert [row["feedback"]["S"] for row in rows if "feedback" in row] == ["positive"]
    caller = golden.request.caller
    stored = await files.load_attachment(golden.resources.table, caller, golden.expected["attachment"])
    assert (stored.name, stored.thread_id) == ("pixel.png", golden.expected["turn"]["thread_id"])
    pk = keys.ThreadRef(TENANT, USER, golden.expected["turn"]["thread_id"]).partition
    record = load_record(await golden.resources.table.get(Key(pk, keys.TURN_SK)))
    assert record is not None
    assert (record.turn_id, record.running) == (golden.expected["turn"]["turn_id"], False)


async def test_old_threads_are_gone_on_with(golden: Golden) -> None:
    for thread in golden.threads:
        metadata = await golden.store.load_thread(thread["id"], golden.request)
        metadata.title = "new title"
        await golden.store.save_thread(metadata, golden.request)
        newest = said(thread["id"], "goes on")
        await golden.store.add_thread_item(thread["id"], newest, golden.request)
        for item in (await golden.store.load_thread_items(thread["id"], None, 100, "asc", golden.request)).data:
            await golden.store.save_item(thread["id"], item, golden.request)
        now = await reads.get_thread(thread["id"], golden.request)
        assert now.title == "new title"
        assert [item.id for item in now.items.data] == [*(each["id"] for each in thread["items"]["data"]), newest.id]


async def test_a_deletion_that_was_under_way_is_finished(golden: Golden) -> None:
    with pytest.raises(NotFoundError):
        await reads.get_thread(golden.expected["deleted"], golden.request)
    assert (await sweep(golden.resources)).failed == 0
    assert [sk for _, sk in keys_of(golden.resources, golden.expected["deleted"]) if "#expire#" not in sk] == []
    for thread in golden.threads:
        await golden.store.delete_thread(thread["id"], golden.request)
        # Idempotency keys and expiry work are removed when they are due.
        left = [sk for _, sk in keys_of(golden.resources, thread["id"]) if "#expire#" not in sk]
        assert [sk for sk in left if not sk.startswith("K#")] == []
    assert golden.resources.objects.client.list_objects_v2(Bucket=TABLE)["KeyCount"] == 0


def test_every_row_says_by_which_schema_it_was_written(golden: Golden) -> None:
    for row in golden.rows:
        assert 1 <= int(row["schema_version"]["N"]) <= SCHEMA_VERSION


def test_the_table_of_a_next_release_can_be_written(tmp_path: Path) -> None:
    written = json.loads(write("9.9.9", tmp_path).read_text())
    assert len(written["expected"]["threads"]) == 4
    assert written["rows"]
