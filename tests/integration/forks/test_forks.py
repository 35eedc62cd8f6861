"""Forks: what is copied, what is left out, and who may make one."""

from __future__ import annotations

import random
from base64 import b64encode
from io import BytesIO
from typing import Any

import pytest
from chatkit.types import (
    ClientToolCallItem,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    LockedStatus,
    ThreadItem,
    UserMessageItem,
)

from assistant import clock, files, forks
from assistant.approvals.cards import Call, asking
from assistant.aws import keys
from assistant.errors import BeingErasedError, NotFoundError, QuotaExceededError, ThreadLockedError, TooLargeError
from assistant.forks import copying
from assistant.forks import rows as fork_rows
from assistant.ids import new_id
from assistant.quotas import paid
from assistant.threads import PURGE_KIND, ThreadNotFoundError
from assistant.upkeep import erase, request_erasure, sweep
from tests.integration.threads.conftest import User
from tests.support.conversations import answered, hidden, new_thread, now, one_of_each_kind, said, talk
from tests.support.files import PNG
from tests.support.rows import keys_of, put_items

pytestmark = pytest.mark.anyio

LARGE = random.Random(7).randbytes(400_000).hex()  # noqa: S311 - reproducible, no secret


async def a_thread(user: User, items: list[ThreadItem], **fields: Any) -> str:
    """Store a thread of a user with these items, which get its id, and return the id."""
    thread = new_thread(**fields)
    await user.store.save_thread(thread, user.request)
    for item in items:
        await user.store.add_thread_item(thread.id, item.model_copy(update={"thread_id": thread.id}), user.request)
    return thread.id


async def items_of(user: User, thread_id: str) -> list[ThreadItem]:
    page = await user.store.load_thread_items(thread_id, None, 100, "asc", user.request)
    return page.data


def without_ids(items: list[ThreadItem]) -> list[dict[str, Any]]:
    return [item.model_dump(exclude={"id", "thread_id"}) for item in items]


async def test_a_fork_has_the_items_up_to_one_under_new_ids_and_says_where_it_comes_from(ann: User) -> None:
    items = talk("", ["one", "two", "three", "four"])
    source = await a_thread(ann, items, title="A talk", metadata={"agent": "billing"})
    made = await forks.fork_thread(source, items[2].id, ann.request)
    assert made.ready
    copied = await items_of(ann, made.thread_id)
    assert without_ids(copied) == without_ids(items[:3])
    assert {item.thread_id for item in copied} == {made.thread_id}
    assert not {item.id for item in copied} & {item.id for item in items}
    thread = await ann.store.load_thread(made.thread_id, ann.request)
    origin = {"thread_id": source, "item_id": items[2].id, "before": False}
    assert thread.title == "A talk"
    assert thread.metadata == {"agent": "billing", "forked_from": origin}
    assert await forks.find_fork(made.thread_id, ann.request) == forks.Fork(made.thread_id, True, origin)
    assert (await forks.find_fork(source, ann.request)).origin is None
    assert len(await items_of(ann, source)) == 4, "the source stays as it is"
    listed = await ann.store.load_threads(10, None, "desc", ann.request)
    assert [each.id for each in listed.data] == [made.thread_id, source]


async def test_a_fork_before_a_question_leaves_it_out_and_may_be_empty(ann: User) -> None:
    items = talk("", ["one", "two", "three"])
    source = await a_thread(ann, items)
    second = await forks.fork_thread(source, items[2].id, ann.request, before=True)
    assert without_ids(await items_of(ann, second.thread_id)) == without_ids(items[:2])
    first = await forks.fork_thread(source, items[0].id, ann.request, before=True)
    assert await items_of(ann, first.thread_id) == []


async def test_a_fork_of_a_fork_and_later_items_have_their_order(ann: User) -> None:
    items = [answered("", f"their {number}", f"their-{number}") for number in range(5)]
    source = await a_thread(ann, [*items, *talk("", ["own"])])
    last = (await items_of(ann, source))[-1]
    first = await forks.fork_thread(source, last.id, ann.request)
    await ann.store.add_thread_item(first.thread_id, answered(first.thread_id, "later"), ann.request)
    copied = await items_of(ann, first.thread_id)
    second = await forks.fork_thread(first.thread_id, copied[-1].id, ann.request)
    texts = [item.model_dump()["content"][0]["text"] for item in await items_of(ann, second.thread_id)]
    assert texts == [*(f"their {number}" for number in range(5)), "own", "later"]


async def test_items_of_each_kind_are_copied_except_calls_of_the_page_and_open_questions_of_runs(ann: User) -> None:
    every = one_of_each_kind("")
    card = asking(new_id("msg"), "", Call("pay", "{}", "", "run", "call"), "en")
    pending = ClientToolCallItem(id=new_id("tc"), thread_id="", created_at=now(), call_id="d", name="t", arguments={})
    last = said("", "the end")
    source = await a_thread(ann, [*every, card, pending, last])
    pk = ann.request.caller.thread(source).partition
    await ann.resources.table.put(keys.Key(pk, keys.held_run_sk("run")), {"schema_version": 1})
    made = await forks.fork_thread(source, last.id, ann.request)
    copied = await items_of(ann, made.thread_id)
    kept = [item for item in every if item.type != "client_tool_call"]
    assert without_ids(copied) == without_ids([*kept, last])
    fork_pk = ann.request.caller.thread(made.thread_id).partition
    rows, _ = await ann.resources.table.query(fork_pk, between=(keys.FIRST_SK, keys.LAST_SK), limit=100)
    assert {row["sk"][:2] for row in rows} == {"I#", "~m"}


async def test_files_pictures_and_large_items_are_copied_and_stay_when_the_source_goes(ann: User) -> None:
    caller = ann.request.caller
    sent = await files.upload(
        ann.resources, caller, BytesIO(PNG), name="a.png", declared_type="image/png", size=len(PNG)
    )
    source = await a_thread(ann, [])
    bound, writes = await files.bind(ann.resources, caller, [sent.id], source)
    await ann.resources.table.transact(writes)
    message_item = said(source, attachments=bound)
    image = GeneratedImage(id="i", url=await files.keep_picture(b64encode(PNG).decode(), source, ann.request))
    picture = GeneratedImageItem(id=new_id("msg"), thread_id=source, created_at=now(), image=image)
    items: list[ThreadItem] = [message_item, picture, answered(source, LARGE)]
    for item in items:
        await ann.store.add_thread_item(source, item, ann.request)
    made = await forks.fork_thread(source, items[-1].id, ann.request)
    await ann.store.delete_thread(source, ann.request)
    message, drawn, large = await items_of(ann, made.thread_id)
    assert isinstance(message, UserMessageItem)
    assert isinstance(drawn, GeneratedImageItem)
    assert drawn.image is not None
    assert large.model_dump()["content"][0]["text"] == LARGE
    copy = message.attachments[0]
    assert copy.id != sent.id
    assert copy.thread_id == made.thread_id
    assert await ann.resources.objects.get(files.object_key(caller, copy.id)) == PNG
    assert (await files.load_attachment(ann.resources.table, caller, copy.id)).thread_id == made.thread_id
    assert await files.as_data_url(drawn.image, made.thread_id, ann.request) is not None
    with pytest.raises(NotFoundError):
        await files.load_attachment(ann.resources.table, caller, sent.id)
    await ann.store.delete_thread(made.thread_id, ann.request)
    with pytest.raises(KeyError):
        await ann.resources.objects.get(files.object_key(caller, copy.id))


async def test_refused_and_unchecked_input_stays_so_in_a_fork(ann: User) -> None:
    """Otherwise a fork would be a way past the guardrails."""

    def mark(kind: str, **more: str) -> HiddenContextItem:
        return HiddenContextItem(id=new_id("shcx"), thread_id="", created_at=now(), content={"type": kind, **more})

    form, bad = one_of_each_kind("")[7], said("", "bad")
    items = [
        form,
        bad,
        hidden("", "a tool's result"),
        mark("refusal"),
        said("", "late"),
        mark("unjudged"),
        mark("refusal", item=form.id),
    ]
    source = await a_thread(ann, items)
    made = await forks.fork_thread(source, bad.id, ann.request)
    copied = await items_of(ann, made.thread_id)
    assert [item.type for item in copied] == ["structured_input", "user_message", *["hidden_context_item"] * 2]
    marks = [item.content for item in copied if isinstance(item, HiddenContextItem)]
    assert marks == [{"type": "refusal"}, {"type": "refusal", "item": copied[0].id}]


async def test_of_an_expired_or_deleted_or_hidden_or_foreign_item_there_is_no_fork(ann: User) -> None:
    secret, message = hidden(""), said("")
    source = await a_thread(ann, [secret, message])
    other = User(ann.resources, f"{ann.name} eve")
    elsewhere = User(ann.resources, ann.name, "globex")
    mine = await a_thread(other, [said("")])
    for who, thread_id, item_id in (
        (ann, source, secret.id),
        (ann, source, new_id("msg")),
        (other, source, message.id),
        (elsewhere, source, message.id),
        (other, mine, message.id),
    ):
        with pytest.raises(NotFoundError):
            await forks.fork_thread(thread_id, item_id, who.request)
    made = await forks.fork_thread(source, message.id, ann.request)
    for who in (other, elsewhere):
        with pytest.raises(ThreadNotFoundError):
            await forks.find_fork(made.thread_id, who.request)
        with pytest.raises(ThreadNotFoundError):
            await forks.resume_fork(made.thread_id, who.request, time_is_up=lambda: False)


async def test_a_locked_thread_is_not_forked(ann: User) -> None:
    items = talk("", ["one"])
    source = await a_thread(ann, items, status=LockedStatus(reason="no"))
    with pytest.raises(ThreadLockedError):
        await forks.fork_thread(source, items[0].id, ann.request)


async def test_a_fork_is_invisible_until_it_is_complete_and_goes_on_where_it_was(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PAGE_ROWS", 2)
    items = talk("", [str(number) for number in range(7)])
    source = await a_thread(ann, items)
    pages = iter([False, False])
    half = await forks.fork_thread(source, items[-1].id, ann.request, time_is_up=lambda: next(pages, True))
    assert not half.ready
    assert await items_of(ann, half.thread_id) == []
    with pytest.raises(ThreadNotFoundError):
        await ann.store.load_thread(half.thread_id, ann.request)
    assert [each.id for each in (await ann.store.load_threads(9, None, "desc", ann.request)).data] == [source]
    assert not (await forks.find_fork(half.thread_id, ann.request)).ready
    whole = await forks.resume_fork(half.thread_id, ann.request, time_is_up=lambda: False)
    assert whole.ready
    assert without_ids(await items_of(ann, half.thread_id)) == without_ids(items)
    assert await forks.resume_fork(half.thread_id, ann.request, time_is_up=lambda: False) == whole
    assert [sk for pk, sk in keys_of(ann.resources, half.thread_id) if pk.startswith("SWEEP#")] == []


async def half_of(ann: User, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, list[ThreadItem]]:
    monkeypatch.setattr(copying, "PAGE_ROWS", 2)
    monkeypatch.setattr(fork_rows, "SWEEP_AFTER", clock.now() - clock.now())
    items = talk("", [str(number) for number in range(7)])
    source = await a_thread(ann, items)
    pages = iter([False])
    made = await forks.fork_thread(source, items[-1].id, ann.request, time_is_up=lambda: next(pages, True))
    return source, made.thread_id, items


async def test_the_sweep_completes_what_a_killed_process_has_left(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    _, fork_id, items = await half_of(ann, monkeypatch)
    await sweep(ann.resources)
    assert without_ids(await items_of(ann, fork_id)) == without_ids(items)


async def test_a_fork_whose_source_is_deleted_meanwhile_is_removed(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    source, fork_id, _ = await half_of(ann, monkeypatch)
    await ann.store.delete_thread(source, ann.request)
    with pytest.raises(ThreadNotFoundError):
        await forks.resume_fork(fork_id, ann.request, time_is_up=lambda: False)
    assert keys_of(ann.resources, fork_id) == []


async def test_an_erasure_takes_an_unfinished_fork_with_it(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    source, fork_id, items = await half_of(ann, monkeypatch)
    work = await request_erasure(ann.resources, ann.request.caller)
    with pytest.raises(BeingErasedError):
        await forks.fork_thread(source, items[-1].id, ann.request)
    assert await erase(ann.resources, work)
    await sweep(ann.resources)
    assert [key for key in keys_of(ann.resources, fork_id) if PURGE_KIND not in key[1]] == []


async def test_a_day_has_a_number_of_forks_and_a_fork_a_number_of_items(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paid, "MAX_FORKS_PER_DAY", 2)
    monkeypatch.setattr(copying, "MAX_ITEMS", 2)
    items = talk("", ["one", "two", "three"])
    source = await a_thread(ann, items)
    await forks.fork_thread(source, items[1].id, ann.request)
    with pytest.raises(TooLargeError):
        await forks.fork_thread(source, items[2].id, ann.request)
    assert len((await ann.store.load_threads(9, None, "desc", ann.request)).data) == 2
    with pytest.raises(QuotaExceededError):
        await forks.fork_thread(source, items[1].id, ann.request)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer for the local table: it answers in proportion to the partition, which DynamoDB does not."""
    monkeypatch.setattr("assistant.aws.client.READ_SECONDS", 60.0)
    monkeypatch.setattr("assistant.aws.table.TABLE_CALL_SECONDS", 120.0)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("patient")
async def test_a_fork_of_ten_thousand_items_has_all_of_them(ann: User) -> None:
    source = await a_thread(ann, [])
    items = talk(source, [f"word {number}" for number in range(10_000)])
    put_items(ann.resources, ann.request.caller.thread(source).partition, items)
    made = await forks.fork_thread(source, items[-1].id, ann.request)
    pk = ann.request.caller.thread(made.thread_id).partition
    between = (keys.ITEM_PREFIX, keys.ITEM_END)
    copied = [row["data"] async for row in ann.resources.table.rows(pk, between=between, page=1_000)]
    assert len(copied) == 10_000
    assert all(f'"word {number}"' in data for number, data in enumerate(copied))
