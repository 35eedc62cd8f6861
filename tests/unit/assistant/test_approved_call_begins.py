"""A turn that is cancelled while it stores that an approved call begins."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, cast

import pytest
from agents import RunState
from chatkit.agents import AgentContext

from assistant.approvals import cards, runs
from assistant.approvals.decisions import Decision, HeldDecision
from assistant.aws import ConditionFailedError

pytestmark = pytest.mark.anyio


async def test_a_write_that_fails_after_the_cancel_is_no_unread_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_fail = asyncio.Event(), asyncio.Event()
    unread: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, found: unread.append(found))

    async def note(*given: object, **named: object) -> None:
        begun.set()
        await may_fail.wait()
        raise ConditionFailedError

    monkeypatch.setattr(runs, "_note_answers", note)
    card = cards.asking("msg_1", "thr_1", cards.Call("pay", "{}", "", "run_1", "call_1"), "en")
    held = HeldDecision(Decision(run_id="run_1", call_id="call_1", approve=True), {}, card, "turn_1")
    resumed = runs.Resumption(held, cast("RunState[Any, Any]", None))
    beginning = asyncio.create_task(runs.begin(resumed, cast("AgentContext[Any]", None)))
    await begun.wait()
    beginning.cancel()
    await asyncio.sleep(0)
    may_fail.set()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    del beginning
    gc.collect()
    await asyncio.sleep(0)
    assert unread == []
