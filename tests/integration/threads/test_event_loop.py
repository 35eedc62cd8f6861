"""The store never blocks the event loop, not even in a process's first call. All calls share one client."""

from __future__ import annotations

import random
import time

import pytest
from blockbuster import BlockingError, blockbuster_ctx
from chatkit.types import ThreadItem

from assistant import quotas
from assistant.context import Resources
from assistant.operations import feedback, reads
from assistant.settings import load_settings
from assistant.threads.store import ThreadStore
from assistant.upkeep.sweep import sweep
from tests.integration.threads.conftest import User
from tests.support.aws import Aws
from tests.support.conversations import answered, new_thread, said

pytestmark = pytest.mark.anyio

LARGE = random.Random(7).randbytes(600_000).hex()  # noqa: S311 - reproducible, no secret


async def test_a_blocking_call_would_be_noticed() -> None:
    with blockbuster_ctx(), pytest.raises(BlockingError):
        time.sleep(0.001)  # noqa: ASYNC251 - that is the point


async def test_no_operation_blocks_the_event_loop_not_even_the_first(aws_environment: Aws) -> None:
    # As in a deployment, the first calls make the clients.
    resources = Resources(load_settings(aws_environment.environment(LLM_PROVIDER="demo", RETENTION_DAYS="30")))
    user = User(resources, "ann")
    store = ThreadStore(resources)
    thread = new_thread("a foreign id")
    items: list[ThreadItem] = [said(thread.id), answered(thread.id, LARGE), answered(thread.id, "x", "__fake_id__")]
    with blockbuster_ctx():
        await store.save_thread(thread, user.request)
        for item in items:
            await store.add_thread_item(thread.id, item, user.request)
        await store.save_item(thread.id, answered(thread.id, LARGE[1:], items[1].id), user.request)
        await store.load_item(thread.id, items[1].id, user.request)
        await feedback.save(thread.id, [items[2].id], "positive", user.request)
        await reads.list_items(thread.id, 1, "__fake_id__", "asc", user.request)
        await reads.get_thread(thread.id, user.request)
        await reads.list_threads(None, None, "desc", user.request)
        await store.delete_thread_item(thread.id, items[0].id, user.request)
        await quotas.usage(user.request)
        await store.delete_thread(thread.id, user.request)
        await sweep(resources)


async def test_one_client_serves_a_process(ann: User) -> None:
    client = ann.resources.table.client
    await reads.list_threads(None, None, "desc", ann.request)
    assert ann.resources.table.client is client
    assert ThreadStore(ann.resources)._table is ann.resources.table
