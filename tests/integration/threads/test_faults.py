"""The outcome of each failure of DynamoDB and S3. These tests prove the table in docs/store.md."""

from __future__ import annotations

import random
from collections.abc import Mapping
from urllib.parse import unquote

import pytest

from assistant.api import create_app
from assistant.aws.keys import Key
from assistant.aws.table import MAX_ROUNDS
from assistant.budgets import ATTEMPTS, CONNECT_SECONDS, READ_SECONDS
from assistant.context import Resources
from assistant.errors import AssistantError, ConflictError, NotFoundError, StoreRefusedError, StoreUnavailableError
from assistant.operations import feedback, reads
from assistant.settings import load_settings
from assistant.threads.store import ThreadStore
from assistant.upkeep.sweep import sweep
from tests.integration.threads.conftest import User
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.conversations import answered, new_thread, said
from tests.support.faults import Fault, ProcessKilledError, failing
from tests.support.rows import keys_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_waiting")]

# Compressed, it is far over what a row of the table holds.
LARGE = random.Random(7).randbytes(600_000).hex()  # noqa: S311 - reproducible, no secret
LASTING: list[Fault] = ["throttled", "timed out", "access denied", "gone"]
PASSING: list[Fault] = ["throttled", "timed out", "answer lost"]
# Those that are one transaction.
WRITES = ["save_thread", "delete_thread", "add_thread_item", "save_item", "feedback"]
# Those that find what they are about by ids, in a batch.
BY_ID = ["load_item", "add_thread_item", "save_item", "delete_thread_item", "feedback"]
OPERATIONS = [
    "load_thread",
    "save_thread",
    "load_threads",
    "delete_thread",
    "load_thread_items",
    "load_item",
    "add_thread_item",
    "save_item",
    "delete_thread_item",
    "get_thread",
    "list_items",
    "feedback",
]


class Conversation:
    """A thread with a message and an answer, and another message that is not stored yet."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.thread = new_thread(title="before", metadata={"kept": True})
        self.message = said(self.thread.id)
        self.answer = answered(self.thread.id, "before")
        self.another = said(self.thread.id, "another")

    async def begin(self) -> Conversation:
        store, request = self.user.store, self.user.request
        await store.save_thread(self.thread, request)
        await store.add_thread_item(self.thread.id, self.message, request)
        await store.add_thread_item(self.thread.id, self.answer, request)
        return self

    async def do(self, operation: str) -> None:
        store, request, thread_id = self.user.store, self.user.request, self.thread.id
        match operation:
            case "load_thread":
                await store.load_thread(thread_id, request)
            case "save_thread":
                await store.save_thread(new_thread(thread_id, title="after"), request)
            case "load_threads":
                await store.load_threads(10, None, "desc", request)
            case "delete_thread":
                await store.delete_thread(thread_id, request)
            case "load_thread_items":
                await store.load_thread_items(thread_id, self.message.id, 10, "asc", request)
            case "load_item":
                await store.load_item(thread_id, self.answer.id, request)
            case "add_thread_item":
                await store.add_thread_item(thread_id, self.another, request)
            case "save_item":
                await store.save_item(thread_id, answered(thread_id, "after", self.answer.id), request)
            case "delete_thread_item":
                await store.delete_thread_item(thread_id, self.answer.id, request)
            case "get_thread":
                await reads.get_thread(thread_id, request)
            case "list_items":
                await reads.list_items(thread_id, None, None, "desc", request)
            case "feedback":
                await feedback.save(thread_id, [self.answer.id], "positive", request)
            case _:
                raise AssertionError(operation)

    async def is_as_before(self) -> None:
        thread = await reads.get_thread(self.thread.id, self.user.request)
        assert thread.title == "before"
        assert thread.items.data == [self.message, self.answer]
        await self.is_whole()

    async def is_as_after(self, operation: str) -> None:
        if operation == "delete_thread":
            with pytest.raises(NotFoundError):
                await reads.get_thread(self.thread.id, self.user.request)
        else:
            thread = await reads.get_thread(self.thread.id, self.user.request)
            texts = {item.id: item.content[0].text for item in thread.items.data}  # type: ignore[union-attr]  # messages of text
            expected = {self.message.id: "Hello", self.answer.id: "before"}
            if operation == "add_thread_item":
                expected[self.another.id] = "another"
            if operation == "save_item":
                expected[self.answer.id] = "after"
            if operation == "delete_thread_item":
                del expected[self.answer.id]
            assert texts == expected
            assert thread.title == ("after" if operation == "save_thread" else "before")
        await self.is_whole()

    async def is_whole(self) -> None:
        """Check that a thread equals its copy in the list."""
        store, request = self.user.store, self.user.request
        listed = {each.id: each for each in (await store.load_threads(100, None, "desc", request)).data}
        try:
            thread = await store.load_thread(self.thread.id, request)
        except NotFoundError:
            assert self.thread.id not in listed
        else:
            assert listed[self.thread.id] == thread


@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_table_that_stays_out_of_reach_is_a_503_and_changes_nothing(
    ann: User, operation: str, fault: Fault
) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.dynamodb, fault) as calls, pytest.raises(StoreUnavailableError) as raised:
        await conversation.do(operation)
    assert (raised.value.status, raised.value.retryable) == (503, True)
    # At most two concurrent calls, each with the allowed number of attempts.
    assert calls.failed <= 2 * ATTEMPTS * MAX_ROUNDS
    await conversation.is_as_before()


@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("streaming", [False, True], ids=["chat", "stream"])
async def test_a_client_is_told_to_try_again_soon(aws_environment: Aws, streaming: bool, fault: Fault) -> None:
    # Use new clients: so many failures exhaust a client's retry quota in botocore.
    guest = User(Resources(load_settings(aws_environment.environment(LLM_PROVIDER="demo"))), "guest", "local")
    thread = {"thread_id": (await Conversation(guest).begin()).thread.id}
    message = {"content": [{"type": "input_text", "text": "Hi"}], "attachments": [], "inference_options": {}}
    requests: dict[str, Mapping[str, object]] = {
        "threads.list": {},
        "items.list": thread,
        "threads.update": {**thread, "title": "after"},
        "threads.delete": thread,
        "threads.create": {"input": message},
        "threads.add_user_message": {**thread, "input": message},
    }
    async with client(create_app(guest.resources, streaming=streaming)) as http:
        for operation, params in requests.items():
            with failing(guest.dynamodb, fault):
                answer = await http.post("/chatkit/api", json={"type": operation, "params": params})
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable"), operation
            assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_failure_that_passes_is_not_noticed(ann: User, operation: str, fault: Fault) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.dynamodb, fault, times=2) as calls:
        await conversation.do(operation)
    assert calls.failed == 2
    await conversation.is_as_after(operation)


@pytest.mark.parametrize("write", ["put", "update", "delete"])
async def test_a_single_write_that_meets_a_transaction_is_repeated(ann: User, write: str) -> None:
    table, key = ann.resources.table, Key(f"CONFLICT#{ann.name}", "1")

    async def do() -> None:
        if write == "put":
            await table.put(key, {"n": 1})
        elif write == "update":
            await table.update(key, "SET n = :n", values={":n": 1})
        else:
            await table.delete(key)

    with failing(ann.dynamodb, "conflict", times=2) as calls:
        await do()
    assert len(calls.seen) == 3
    with failing(ann.dynamodb, "conflict") as calls, pytest.raises(StoreUnavailableError):
        await do()
    assert calls.failed == MAX_ROUNDS


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_request_that_aws_rejects_as_invalid_is_no_503_and_is_not_repeated(
    ann: User, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.dynamodb, "invalid") as calls, pytest.raises(StoreRefusedError) as raised:
        await conversation.do(operation)
    assert (raised.value.status, raised.value.retryable) == (500, False)
    assert calls.failed == len(calls.seen)
    assert "DynamoDB refuses " in caplog.text
    await conversation.is_as_before()


async def test_an_object_that_s3_rejects_as_invalid_is_no_503(ann: User) -> None:
    with failing(ann.s3, "invalid"), pytest.raises(StoreRefusedError):
        await ann.resources.objects.put(f"items/{ann.name}", b"")


@pytest.mark.parametrize("operation", WRITES)
async def test_a_write_whose_first_answer_is_lost_is_made_once(ann: User, operation: str) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.dynamodb, "answer lost", "TransactWriteItems", times=1) as calls:
        await conversation.do(operation)
    assert calls.failed == 1
    await conversation.is_as_after(operation)


@pytest.mark.parametrize("operation", WRITES)
async def test_a_write_whose_answers_are_all_lost_is_whole_and_may_be_repeated(ann: User, operation: str) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.dynamodb, "answer lost", "TransactWriteItems"), pytest.raises(StoreUnavailableError):
        await conversation.do(operation)
    await conversation.is_as_after(operation)
    if operation == "delete_thread":
        with pytest.raises(NotFoundError):
            await conversation.do(operation)
    else:
        await conversation.do(operation)
    await conversation.is_as_after(operation)


@pytest.mark.parametrize("operation", ["save_thread", "add_thread_item", "save_item", "delete_thread", "feedback"])
async def test_a_condition_that_keeps_failing_is_a_clear_4xx_and_changes_nothing(ann: User, operation: str) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.dynamodb, "condition failed", "TransactWriteItems"):
        try:
            await conversation.do(operation)
        except AssistantError as error:
            assert isinstance(error, (NotFoundError, ConflictError))  # noqa: PT017 - one operation does not raise
        else:
            # Another request has deleted the thread at the same moment.
            assert operation == "delete_thread"
    await conversation.is_as_before()


@pytest.mark.parametrize("operation", ["save_thread", "add_thread_item", "save_item", "delete_thread", "feedback"])
async def test_a_process_killed_at_any_write_leaves_the_thread_as_it_was_or_as_it_will_be(
    ann: User, operation: str
) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.dynamodb, "killed", "TransactWriteItems"), pytest.raises(ProcessKilledError):
        await conversation.do(operation)
    await conversation.is_as_before()


async def test_a_deletion_stands_although_what_it_removes_cannot_be_removed_now(ann: User) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.dynamodb, "throttled", "BatchWriteItem"):
        await conversation.do("delete_thread")
    await conversation.is_as_after("delete_thread")
    await sweep(ann.resources)
    assert await rows_of(ann) == []


async def test_a_deletion_stands_although_the_bucket_is_out_of_reach(ann: User) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.s3, "access denied"):
        await conversation.do("delete_thread")
        assert (await sweep(ann.resources)).failed == 1
    await conversation.is_as_after("delete_thread")
    await sweep(ann.resources)
    assert await rows_of(ann) == []


@pytest.mark.parametrize("fault", LASTING)
async def test_a_large_item_is_not_stored_while_the_bucket_is_out_of_reach(ann: User, fault: Fault) -> None:
    conversation = await Conversation(ann).begin()
    conversation.another = said(conversation.thread.id, LARGE)
    with failing(ann.s3, fault), pytest.raises(StoreUnavailableError):
        await conversation.do("add_thread_item")
    await conversation.is_as_before()


@pytest.mark.parametrize("fault", LASTING)
async def test_a_large_item_cannot_be_read_while_the_bucket_is_out_of_reach(ann: User, fault: Fault) -> None:
    conversation = await Conversation(ann).begin()
    await ann.store.save_item(conversation.thread.id, answered(conversation.thread.id, LARGE), ann.request)
    with failing(ann.s3, fault), pytest.raises(StoreUnavailableError):
        await conversation.do("get_thread")
    thread = await reads.get_thread(conversation.thread.id, ann.request)
    assert thread.items.data[-1].content[0].text == LARGE  # type: ignore[union-attr]  # a message of text


async def test_a_large_item_survives_failures_of_the_bucket_that_pass(ann: User) -> None:
    conversation = await Conversation(ann).begin()
    conversation.another = said(conversation.thread.id, LARGE)
    with failing(ann.s3, "throttled", times=2):
        await conversation.do("add_thread_item")
    with failing(ann.s3, "timed out", times=2):
        loaded = await ann.store.load_item(conversation.thread.id, conversation.another.id, ann.request)
    assert loaded == conversation.another


@pytest.mark.parametrize("operation", BY_ID)
async def test_rows_that_dynamodb_does_not_bring_at_once_are_asked_for_again(ann: User, operation: str) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.dynamodb, "left over", "BatchGetItem", times=2) as calls:
        await conversation.do(operation)
    assert calls.failed == 2
    await conversation.is_as_after(operation)


@pytest.mark.parametrize("operation", BY_ID)
async def test_rows_that_dynamodb_never_brings_are_a_503(ann: User, operation: str) -> None:
    conversation = await Conversation(ann).begin()
    with failing(ann.dynamodb, "left over", "BatchGetItem"), pytest.raises(StoreUnavailableError):
        await conversation.do(operation)
    await conversation.is_as_before()


async def test_rows_that_dynamodb_never_removes_are_left_to_the_sweep(ann: User) -> None:
    conversation = await Conversation(ann).begin()
    for number in range(60):
        await ann.store.add_thread_item(conversation.thread.id, said(conversation.thread.id, str(number)), ann.request)
    with failing(ann.dynamodb, "left over", "BatchWriteItem"):
        await conversation.do("delete_thread")
        assert (await sweep(ann.resources)).failed == 1
    await conversation.is_as_after("delete_thread")
    assert keys_of(ann.resources, conversation.thread.id) != []
    await sweep(ann.resources)
    assert keys_of(ann.resources, conversation.thread.id) == []


@pytest.mark.parametrize("fault", ["throttled", "timed out", "left over"])
@pytest.mark.parametrize("operation", ["save_item", "delete_thread_item"])
async def test_an_object_that_cannot_be_removed_now_is_left_to_the_sweep(
    ann: User, operation: str, fault: Fault
) -> None:
    conversation = await Conversation(ann).begin()
    await ann.store.save_item(
        conversation.thread.id, answered(conversation.thread.id, LARGE, conversation.answer.id), ann.request
    )
    with failing(ann.s3, fault, "DeleteObjects"):
        await conversation.do(operation)
        assert (await sweep(ann.resources)).failed == 1
    await conversation.is_as_after(operation)
    assert len(objects_of(ann)) == 1
    await sweep(ann.resources)
    assert objects_of(ann) == []


@pytest.mark.parametrize("fault", ["throttled", "left over"])
async def test_rows_that_dynamodb_leaves_over_are_removed_by_the_next_rounds(ann: User, fault: Fault) -> None:
    keys = [(f"LEFT#{ann.name}", f"{each:03}") for each in range(60)]
    table = ann.resources.table
    for pk, sk in keys:
        await table.put(Key(pk, sk), {"n": 1})
    with failing(ann.dynamodb, fault, "BatchWriteItem", times=3, after=1):
        await table.delete_many([Key(*each) for each in keys])
    rows, _ = await table.query(f"LEFT#{ann.name}", between=("0", "9"), limit=100)
    assert rows == []


def objects_of(user: User) -> list[str]:
    """Return the bucket objects of a user's items."""
    found = user.s3.list_objects_v2(Bucket=user.resources.objects.bucket, Prefix=f"items/{user.tenant_id}/")
    return [entry["Key"] for entry in found.get("Contents", []) if user.name in unquote(entry["Key"])]


async def rows_of(user: User) -> list[str]:
    """Return the partitions of a user's remaining rows and of the sweep's remaining work."""
    pages = user.dynamodb.get_paginator("scan").paginate(TableName=user.resources.table.name)
    found = [item["pk"]["S"] for page in pages for item in page["Items"]]
    return [pk for pk in found if user.name in pk or pk.startswith("SWEEP#")]


def test_the_store_under_test_is_the_deployed_one(ann: User) -> None:
    config = ann.dynamodb.meta.config
    assert (config.connect_timeout, config.read_timeout) == (CONNECT_SECONDS, READ_SECONDS)
    assert config.retries["total_max_attempts"] == ATTEMPTS
    assert isinstance(ann.store, ThreadStore)
