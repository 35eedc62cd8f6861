"""A retry removes a long old answer behind the transaction that stores the new one: it is removed whole or not at all.

Each call from that transaction on is made to fail, and each is where the process dies; then the sweep runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from chatkit.types import AssistantMessageContent, AssistantMessageItem, StreamingReq

from assistant import clock
from assistant.aws import keys
from assistant.ids import new_id
from assistant.upkeep import sweep
from tests.faults.apart import Apart
from tests.faults.conftest import Stage
from tests.faults.points import Points, watch
from tests.support.rows import put_items
from tests.support.turns import retry

pytestmark = pytest.mark.anyio

# One transaction removes fewer.
OLD_ITEMS = 250
# What the transaction that ends a turn holds.
END = "':outcome': {'S': 'done'}"


class LongAnswer:
    """A thread with an old answer of many items."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.healthy = stage.process()
        self.thread_id = ""
        self._old: set[str] = set()

    async def prepare(self) -> StreamingReq:
        """Make the thread, and return the request that retries."""
        self.thread_id = await self.healthy.create("hello")
        message = await self.healthy.user_message(self.thread_id)
        old = [
            AssistantMessageItem(
                id=new_id("msg"),
                thread_id=self.thread_id,
                created_at=clock.now() + timedelta(microseconds=number),
                content=[AssistantMessageContent(text=f"part {number} of an old answer")],
            )
            for number in range(OLD_ITEMS)
        ]
        self._old = {item.id for item in old}
        put_items(self.healthy.resources, self.healthy.caller.thread(self.thread_id).partition, old)
        return retry(self.thread_id, message.id)

    async def left(self) -> int:
        """Return how many items of the old answer are there."""
        pk = self.healthy.caller.thread(self.thread_id).partition
        rows = self.healthy.resources.table.rows(pk, between=(keys.ITEM_PREFIX, keys.ITEM_END), page=100)
        return len(self._old & {row["id"] async for row in rows})

    async def ended(self) -> bool:
        """Tell whether the retry has come to its end."""
        row = await self.healthy.turn_row(self.thread_id)
        return bool(row["operation"] == "threads.retry_after_item" and row["state"] == "done")


async def _perform(stage: Stage, request: StreamingReq, points: Points) -> None:
    """Perform a request in a process of its own whose calls are points."""
    faulty = stage.process()
    watch(faulty.resources, points)
    await faulty.run(request)


@pytest.mark.parametrize("harm", ["raised", "killed"])
async def test_a_long_answer_is_replaced_whole_or_not_at_all(stages: Iterator[Stage], harm: str) -> None:
    counting, counted = LongAnswer(next(stages)), Points(since=END)
    await _perform(counting.stage, await counting.prepare(), counted)
    assert await counting.left() == 0
    assert counted.passed.count("after transact_write_items") > 2, "the old answer goes in one transaction"
    for at in range(len(counted.passed)):
        case = LongAnswer(next(stages))
        request = await case.prepare()
        if harm == "killed":
            points = Points(at=at, harm="killed", since=END)
            assert await Apart(case.stage.settings, case.stage.caller, request, points).died()
        else:
            await _perform(case.stage, request, Points(at=at, harm="raised", since=END))
        await sweep(case.healthy.resources)
        assert await case.left() == (0 if await case.ended() else OLD_ITEMS), f"{harm} at {counted.passed[at]}, {at}"
