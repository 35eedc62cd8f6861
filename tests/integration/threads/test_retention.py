"""`RETENTION_DAYS`: an expired thread is invisible at once, and all its data is removed later."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from chatkit.types import ThreadItem

import assistant.clock
from assistant import files
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.aws.table import Write
from assistant.errors import NotFoundError
from assistant.operations import reads
from assistant.threads.rows import TTL_GRACE
from assistant.upkeep.sweep import sweep
from tests.integration.threads.conftest import MakeResources, User
from tests.support.conversations import hidden, new_thread, said
from tests.support.files import PNG
from tests.support.rows import keys_of, put_items

pytestmark = pytest.mark.anyio


class Clock:
    """The project's clock, which a test can move forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = datetime.now(UTC)
        monkeypatch.setattr(assistant.clock, "now", lambda: self.moment)

    def pass_days(self, days: float) -> None:
        self.moment += timedelta(days=days)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def user(both_make_resources: MakeResources, request: pytest.FixtureRequest) -> User:
    return User(both_make_resources(RETENTION_DAYS="30"), request.node.name)


async def begin(user: User, thread_id: str | None = None) -> str:
    thread = new_thread(thread_id)
    await user.store.save_thread(thread, user.request)
    return thread.id


async def say(user: User, thread_id: str, text: str = "Hello") -> str:
    item = said(thread_id, text)
    await user.store.add_thread_item(thread_id, item, user.request)
    return item.id


@pytest.mark.parametrize("foreign", [False, True], ids=["id of ours", "foreign id"])
async def test_an_expired_thread_is_invisible_before_dynamodb_removes_it(
    user: User, clock: Clock, foreign: bool
) -> None:
    thread_id = await begin(user, "foreign" if foreign else None)
    item_id = await say(user, thread_id)
    clock.pass_days(29.9)
    assert (await reads.get_thread(thread_id, user.request)).items.data
    clock.pass_days(0.2)
    for read in (
        reads.get_thread(thread_id, user.request),
        reads.list_items(thread_id, None, None, "asc", user.request),
        user.store.load_thread(thread_id, user.request),
        user.store.load_item(thread_id, item_id, user.request),
        user.store.save_thread(new_thread(thread_id, title="back"), user.request),
        user.store.add_thread_item(thread_id, said(thread_id), user.request),
        user.store.delete_thread(thread_id, user.request),
    ):
        with pytest.raises(NotFoundError):
            await read
    assert (await user.store.load_thread_items(thread_id, None, 9, "asc", user.request)).data == []
    assert (await reads.list_threads(None, None, "desc", user.request)).data == []
    assert any(thread_id in pk for pk, _ in keys_of(user.resources, thread_id))


@pytest.mark.parametrize("foreign", [False, True], ids=["id of ours", "foreign id"])
async def test_a_thread_lives_on_from_its_last_message_in_the_list_too(user: User, clock: Clock, foreign: bool) -> None:
    thread_id = await begin(user, "foreign" if foreign else None)
    for _ in range(3):
        clock.pass_days(20)
        item_id = await say(user, thread_id)
        await sweep(user.resources)
    assert [thread.id for thread in (await reads.list_threads(None, None, "desc", user.request)).data] == [thread_id]
    thread = await reads.get_thread(thread_id, user.request)
    assert item_id in [item.id for item in thread.items.data]
    assert len(thread.items.data) == 2, "the first message is over its time"


async def test_a_new_title_does_not_shorten_a_life(user: User, clock: Clock) -> None:
    thread_id = await begin(user)
    slow = user.request
    thread = await user.store.load_thread(thread_id, slow)
    clock.pass_days(20)
    await say(user, thread_id)
    thread.title = "late"
    await user.store.save_thread(thread, slow)
    clock.pass_days(20)
    assert (await reads.get_thread(thread_id, user.request)).title == "late"
    assert [each.title for each in (await reads.list_threads(None, None, "desc", user.request)).data] == ["late"]


async def test_files_and_objects_of_an_expired_thread_go(user: User, clock: Clock) -> None:
    thread_id = await begin(user)
    caller = user.request.caller
    made = await files.upload(user.resources, caller, BytesIO(PNG), name="a.png", declared_type="", size=len(PNG))
    found, writes = await files.bind(user.resources, caller, [made.id], thread_id)
    await user.resources.table.transact(writes)
    await user.store.add_thread_item(thread_id, said(thread_id, attachments=found), user.request)
    clock.pass_days(32)
    await sweep(user.resources)
    assert keys_of(user.resources, thread_id) == []
    with pytest.raises(NotFoundError):
        await files.load_attachment(user.resources.table, caller, made.id)


@pytest.mark.parametrize("make", [said, hidden], ids=["message", "hidden context"])
async def test_what_expires_in_a_thread_that_lives_on_goes_with_its_object(
    user: User, clock: Clock, make: Callable[[str, str], ThreadItem]
) -> None:
    thread_id = await begin(user)
    large = random.Random(7).randbytes(500_000).hex()  # noqa: S311 - reproducible, no secret
    await user.store.add_thread_item(thread_id, make(thread_id, large), user.request)
    prefix = keys.ThreadRef(user.tenant_id, user.name, thread_id).object_prefix

    def objects() -> list[object]:
        found = user.s3.list_objects_v2(Bucket=user.resources.objects.bucket, Prefix=prefix)
        return list(found.get("Contents", []))

    clock.pass_days(20)
    kept = await say(user, thread_id)
    assert len(objects()) == 1
    clock.pass_days(12)
    await sweep(user.resources)
    assert objects() == []
    pk = keys.ThreadRef(user.tenant_id, user.name, thread_id).partition
    rows, _ = await user.resources.table.query(pk, between=("I#", "I$"), limit=9)
    assert [row["id"] for row in rows] == [kept]


async def test_what_is_written_again_while_the_sweep_removes_it_lives_on(
    user: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread_id = await begin(user)
    item = said(thread_id, "first")
    await user.store.add_thread_item(thread_id, item, user.request)
    clock.pass_days(20)
    await say(user, thread_id)
    clock.pass_days(12)
    table = user.resources.table
    transact = table.transact

    async def late(writes: Sequence[Write]) -> None:
        monkeypatch.setattr(table, "transact", transact)
        await user.store.save_item(thread_id, item, user.request)
        await transact(writes)

    monkeypatch.setattr(table, "transact", late)
    await sweep(user.resources)
    assert item in (await reads.get_thread(thread_id, user.request)).items.data


async def test_what_is_hidden_from_the_user_lives_as_long_as_its_thread(user: User, clock: Clock) -> None:
    thread_id = await begin(user)
    expiring = await say(user, thread_id)
    clock.pass_days(20)
    context = hidden(thread_id)
    await user.store.add_thread_item(thread_id, context, user.request)
    await say(user, thread_id)
    clock.pass_days(12)
    await sweep(user.resources)
    stored = await user.store.load_thread_items(thread_id, None, 9, "asc", user.request)
    ids = [item.id for item in stored.data]
    assert context.id in ids
    assert expiring not in ids


async def test_what_has_expired_goes_although_a_whole_page_before_it_lives_on(user: User, clock: Clock) -> None:
    thread_id = await begin(user)
    await say(user, thread_id, "expires first, and stands last")
    clock.pass_days(20)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    imported = [said(thread_id, item_id=f"old {number}", created_at=long_ago) for number in range(120)]
    pk = keys.ThreadRef(user.tenant_id, user.name, thread_id).partition
    put_items(user.resources, pk, imported)
    await say(user, thread_id)
    clock.pass_days(12)
    await sweep(user.resources)
    assert len([sk for _, sk in keys_of(user.resources, pk) if sk.startswith(keys.ITEM_PREFIX)]) == 121


async def test_dynamodb_is_told_to_remove_rows_after_the_sweep_has_had_its_time(user: User) -> None:
    thread_id = await begin(user)
    await say(user, thread_id)
    pk = keys.ThreadRef(user.tenant_id, user.name, thread_id).partition
    rows, _ = await user.resources.table.query(pk, between=("I#", "~"), limit=9)
    meta = await user.resources.table.get(Key(pk, keys.META_SK))
    for row in (*rows, meta):
        assert row is not None
        assert row["ttl"] == pytest.approx(row["expires_at"] + TTL_GRACE.total_seconds(), abs=1)


async def test_without_a_retention_nothing_expires(
    both_make_resources: MakeResources, clock: Clock, request: pytest.FixtureRequest
) -> None:
    user = User(both_make_resources(), request.node.name)
    thread_id = await begin(user)
    await say(user, thread_id)
    clock.pass_days(4000)
    await sweep(user.resources)
    assert len((await reads.get_thread(thread_id, user.request)).items.data) == 1


async def test_a_retention_set_later_holds_for_a_thread_from_its_next_message(
    both_make_resources: MakeResources, clock: Clock, request: pytest.FixtureRequest
) -> None:
    before = User(both_make_resources(), request.node.name)
    after = User(both_make_resources(RETENTION_DAYS="30"), request.node.name)
    thread_id, untouched_id = await begin(before), await begin(before)
    await say(after, thread_id)
    clock.pass_days(32)
    await sweep(after.resources)
    assert [each.id for each in (await reads.list_threads(None, None, "asc", after.request)).data] == [untouched_id]
    assert keys_of(after.resources, thread_id) == []
