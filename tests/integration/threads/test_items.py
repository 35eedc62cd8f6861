"""Items and pages, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from chatkit.types import Page, StructuredInputFreeform, StructuredInputItem, Thread, ThreadItem

from assistant.aws import keys
from assistant.errors import InvalidRequestError, NotFoundError
from assistant.operations import feedback, reads
from assistant.threads.pages import MAX_PAGE_ROWS
from tests.integration.threads.conftest import User
from tests.support.conversations import answered, hidden, new_thread, one_of_each_kind, said
from tests.support.faults import failing
from tests.support.rows import put_items, rows_with

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def begin(user: User) -> str:
    thread = new_thread()
    await user.store.save_thread(thread, user.request)
    return thread.id


def partition(user: User, thread_id: str) -> str:
    return keys.ThreadRef(user.tenant_id, user.name, thread_id).partition


async def add(user: User, thread_id: str, *items: ThreadItem) -> list[ThreadItem]:
    for item in items:
        await user.store.add_thread_item(thread_id, item, user.request)
    return list(items)


async def pages(user: User, thread_id: str, limit: int, order: str) -> list[str]:
    """Read all items, page by page."""
    seen: list[str] = []
    after = None
    while True:
        page = await user.store.load_thread_items(thread_id, after, limit, order, user.request)
        assert len(page.data) <= limit
        seen += [item.id for item in page.data]
        if not page.has_more:
            assert page.after is None
            return seen
        after = page.after


async def test_each_kind_of_item_comes_back_equal(user: User) -> None:
    thread_id = await begin(user)
    items = await add(user, thread_id, *one_of_each_kind(thread_id))
    page = await user.store.load_thread_items(thread_id, None, 100, "asc", user.request)
    assert page.data == items
    seen = await reads.get_thread(thread_id, user.request)
    assert seen.items.data == [item for item in items if "hidden" not in item.type]


@pytest.mark.parametrize("limit", [1, 2, 3, 100, 100_000])
async def test_items_of_one_moment_are_all_read_once_in_both_orders(user: User, limit: int) -> None:
    thread_id = await begin(user)
    ids = [f"msg{number % 7}{'x' * (number // 7)}" for number in range(12)]
    await add(user, thread_id, *(said(thread_id, item_id=each, created_at=NOON) for each in ids))
    assert await pages(user, thread_id, limit, "asc") == ids
    assert await pages(user, thread_id, limit, "desc") == ids[::-1]


async def test_foreign_ids_stand_where_their_creation_puts_them(user: User) -> None:
    thread_id = await begin(user)
    moments = [NOON + timedelta(microseconds=number) for number in (5, 1, 3, 2, 4)]
    items = [said(thread_id, item_id=f"z{9 - number}", created_at=at) for number, at in enumerate(moments)]
    await add(user, thread_id, *items)
    expected = [item.id for item in sorted(items, key=lambda item: item.created_at)]
    assert await pages(user, thread_id, 2, "asc") == expected


async def test_a_new_version_keeps_its_place(user: User) -> None:
    thread_id = await begin(user)
    first, second = await add(user, thread_id, said(thread_id, item_id="__fake_id__"), said(thread_id))
    for item_id in (first.id, second.id):
        newer = answered(thread_id, "newer", item_id)
        await user.store.save_item(thread_id, newer, user.request)
        assert await user.store.load_item(thread_id, item_id, user.request) == newer
    assert await pages(user, thread_id, 1, "asc") == [first.id, second.id]


async def test_a_foreign_id_that_was_removed_can_be_added_again(user: User) -> None:
    thread_id = await begin(user)
    await add(user, thread_id, said(thread_id, "old", "msg1"), said(thread_id, item_id="msg2"))
    await user.store.delete_thread_item(thread_id, "msg1", user.request)
    [again] = await add(user, thread_id, said(thread_id, "new", "msg1"))
    assert await user.store.load_item(thread_id, "msg1", user.request) == again
    assert await pages(user, thread_id, 1, "asc") == ["msg2", "msg1"]


@pytest.mark.parametrize("foreign", [False, True], ids=["ids of ours", "foreign ids"])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_reading_goes_on_behind_a_cursor_whose_item_is_gone(user: User, order: str, foreign: bool) -> None:
    thread_id = await begin(user)
    items = [said(thread_id, item_id=f"msg{number}" if foreign else None) for number in range(5)]
    ids = [item.id for item in await add(user, thread_id, *items)]
    page = await user.store.load_thread_items(thread_id, None, 2, order, user.request)
    assert page.after is not None
    await user.store.delete_thread_item(thread_id, page.after, user.request)
    rest = await user.store.load_thread_items(thread_id, page.after, 10, order, user.request)
    assert [item.id for item in rest.data] == (ids if order == "asc" else ids[::-1])[2:]


async def test_reading_goes_on_behind_a_thread_that_is_gone(user: User) -> None:
    for thread_id in ("one", "two", "three", "four"):
        await user.store.save_thread(new_thread(thread_id), user.request)
    page = await user.store.load_threads(2, None, "asc", user.request)
    await user.store.delete_thread("two", user.request)
    rest = await user.store.load_threads(2, page.after, "asc", user.request)
    assert [thread.id for thread in rest.data] == ["three", "four"]


@pytest.mark.parametrize("after", ["guessed", "a\x00b", "\ud800", "😀" * 512], ids=["guess", "NUL", "half", "long"])
async def test_a_cursor_that_was_never_given_out_is_refused(user: User, after: str) -> None:
    thread_id = await begin(user)
    with pytest.raises(InvalidRequestError, match="The cursor is not valid"):
        await user.store.load_thread_items(thread_id, after, 10, "asc", user.request)
    with pytest.raises(InvalidRequestError, match="The cursor is not valid"):
        await user.store.load_threads(10, after, "asc", user.request)


async def test_an_empty_cursor_is_the_beginning(user: User) -> None:
    thread_id = await begin(user)
    items = await add(user, thread_id, said(thread_id), said(thread_id))
    assert (await reads.list_items(thread_id, 10, "", "asc", user.request)).data == items
    assert [each.id for each in (await reads.list_threads(10, "", "asc", user.request)).data] == [thread_id]


async def test_half_a_surrogate_pair_is_refused_and_changes_nothing(user: User) -> None:
    thread_id = await begin(user)
    [item] = await add(user, thread_id, answered(thread_id))
    with pytest.raises(InvalidRequestError):
        await user.store.save_item(thread_id, answered(thread_id, "\ud83d", item.id), user.request)
    with pytest.raises(InvalidRequestError):
        await user.store.save_thread(new_thread(thread_id, metadata={"a": "\ude00"}), user.request)
    assert await user.store.load_item(thread_id, item.id, user.request) == item
    assert (await user.store.load_thread(thread_id, user.request)).metadata == {}


async def test_a_page_is_filled_although_most_of_the_thread_is_hidden(user: User) -> None:
    thread_id = await begin(user)
    [oldest] = await add(user, thread_id, said(thread_id))
    put_items(user.resources, partition(user, thread_id), [hidden(thread_id) for _ in range(150)])
    [newest] = await add(user, thread_id, said(thread_id))
    page = await reads.list_items(thread_id, 1, None, "desc", user.request)
    assert ([item.id for item in page.data], page.has_more) == ([newest.id], True)
    rest = await reads.list_items(thread_id, 1, page.after, "desc", user.request)
    assert ([item.id for item in rest.data], rest.has_more) == ([oldest.id], False)
    assert [item.id for item in (await reads.get_thread(thread_id, user.request)).items.data] == [oldest.id, newest.id]


async def test_a_limit_is_capped(user: User) -> None:
    thread_id = await begin(user)
    put_items(user.resources, partition(user, thread_id), [said(thread_id) for _ in range(MAX_PAGE_ROWS + 1)])
    page = await user.store.load_thread_items(thread_id, None, 100_000, "asc", user.request)
    assert (len(page.data), page.has_more) == (MAX_PAGE_ROWS, True)
    assert await user.store.load_thread_items(thread_id, None, 0, "asc", user.request) == Page()


async def test_an_answer_is_not_taken_back_by_the_same_question_and_may_be_changed_on_purpose(user: User) -> None:
    thread_id = await begin(user)
    question = StructuredInputItem(
        id="si_1", thread_id=thread_id, created_at=NOON, inputs=[StructuredInputFreeform(id="q", question="?")]
    )
    reply = question.model_copy(update={"status": "answered"})
    await add(user, thread_id, question)
    await user.store.save_item(thread_id, reply, user.request)
    await add(user, thread_id, question)
    assert await user.store.load_item(thread_id, "si_1", user.request) == reply
    await user.store.save_item(thread_id, question, user.request)
    assert await user.store.load_item(thread_id, "si_1", user.request) == question


async def test_feedback_outlives_a_new_version_and_can_be_changed(user: User) -> None:
    thread_id = await begin(user)
    [item] = await add(user, thread_id, answered(thread_id))
    await feedback.save(thread_id, [item.id], "positive", user.request)
    await user.store.save_item(thread_id, answered(thread_id, "newer", item.id), user.request)
    row = await user.store.find_item(thread_id, item.id, user.request)
    assert row is not None
    assert row["feedback"] == "positive"
    await feedback.save(thread_id, [item.id], "negative", user.request)
    row = await user.store.find_item(thread_id, item.id, user.request)
    assert row is not None
    assert row["feedback"] == "negative"


async def test_feedback_on_several_items_is_stored_for_all_or_for_none(user: User) -> None:
    thread_id = await begin(user)
    one, two = await add(user, thread_id, answered(thread_id), answered(thread_id, item_id="msg1"))
    with pytest.raises(NotFoundError):
        await feedback.save(thread_id, [one.id, "missing", two.id], "positive", user.request)
    row = await user.store.find_item(thread_id, one.id, user.request)
    assert row is not None
    assert "feedback" not in row
    await feedback.save(thread_id, [one.id, two.id, one.id], "positive", user.request)
    for item in (one, two):
        row = await user.store.find_item(thread_id, item.id, user.request)
        assert row is not None
        assert row["feedback"] == "positive"


async def test_a_thread_that_carries_items_is_stored_without_them(user: User) -> None:
    metadata = new_thread(title="", metadata={"": None, "ü": [1.5, True]})
    item = said(metadata.id, "stored nowhere")
    await user.store.save_thread(Thread(**metadata.model_dump(), items=Page(data=[item])), user.request)
    assert await user.store.load_thread(metadata.id, user.request) == metadata
    assert (await reads.get_thread(metadata.id, user.request)).items.data == []
    assert rows_with(user.resources, metadata.id)
    assert rows_with(user.resources, item.content[0].text) == []


async def test_reads_take_one_hop(ann: User) -> None:
    thread_id = await begin(ann)
    for _ in range(14):
        # The items of turns that call a tool.
        await add(ann, thread_id, said(thread_id), hidden(thread_id), answered(thread_id))
    page = await reads.list_items(thread_id, None, None, "desc", ann.request)
    for read, expected in (
        (reads.get_thread(thread_id, ann.request), ["Query"]),
        (reads.list_threads(None, None, "desc", ann.request), ["Query"]),
        (reads.list_items(thread_id, None, None, "desc", ann.request), ["Query"]),
        # Concurrent calls: one hop.
        (reads.list_items(thread_id, None, page.after, "desc", ann.request), ["BatchGetItem", "Query"]),
        (reads.list_items(thread_id, None, page.after, "asc", ann.request), ["BatchGetItem", "Query"]),
        (reads.list_items(thread_id, None, None, "asc", ann.request), ["BatchGetItem", "Query"]),
    ):
        with failing(ann.dynamodb, None) as calls:
            await read
        assert sorted(calls.seen) == expected


async def test_writes_take_the_fewest_round_trips(ann: User) -> None:
    thread_id, request = await begin(ann), ann.request
    with failing(ann.dynamodb, None) as calls:
        thread = await ann.store.load_thread(thread_id, request)
        thread.title = "new"
        await ann.store.save_thread(thread, request)
    assert calls.seen == ["GetItem", "TransactWriteItems"]
    with failing(ann.dynamodb, None) as calls:
        await ann.store.add_thread_item(thread_id, said(thread_id), request)
    assert calls.seen == ["BatchGetItem", "TransactWriteItems"]


async def test_a_new_version_does_not_bring_a_removed_item_back(user: User) -> None:
    thread_id = await begin(user)
    kept, removed = await add(user, thread_id, answered(thread_id, "kept"), answered(thread_id, "removed"))
    await user.store.replace_item(thread_id, answered(thread_id, "changed", kept.id), user.request)
    await user.store.delete_thread_item(thread_id, removed.id, user.request)
    with pytest.raises(NotFoundError):
        await user.store.replace_item(thread_id, answered(thread_id, "changed", removed.id), user.request)
    page = await user.store.load_thread_items(thread_id, None, 100, "asc", user.request)
    assert [item.id for item in page.data] == [kept.id]
    assert "changed" in page.data[0].model_dump_json()
