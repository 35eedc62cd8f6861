"""An approved call that has begun, in a turn that is asked to end: what is known of it, and who is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from assistant.approvals import call
from assistant.aws.keys import Key
from assistant.aws.table import Row
from assistant.turns.runner import TurnRun
from tests.faults.scenes import asking_card, click, payments
from tests.integration.turns.conftest import ProcessMaker
from tests.integration.turns.test_approvals import asked, status
from tests.support.provider_server import Answer, ProviderServer, Stall, Text
from tests.support.turns import Process, addition, follow

pytestmark = pytest.mark.anyio

# Longer than any test waits.
LONG = 60.0


class Bank:
    """Where a process's payments are made: each begins, and is carried out when the bank has answered."""

    def __init__(self, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self._update = process.resources.table.update
        monkeypatch.setattr(process.resources.table, "update", self._carry_out)

    async def _carry_out(self, key: Key, *given: Any, **named: Any) -> Row:
        if key.sk == "payments":
            self.asked.set()
            await self.answers.wait()
        return await self._update(key, *given, **named)

    def answer_a_turn_that_is_asked_to_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answer when a turn has been asked to end, and would have been ended if it were not for its call."""
        request_end = TurnRun.request_end

        def and_answer(*given: Any) -> None:
            request_end(*given)
            asyncio.get_running_loop().call_later(0.05, self.answers.set)

        monkeypatch.setattr(TurnRun, "request_end", and_answer)


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("by", ["a stop", "a message"])
async def test_a_call_that_has_begun_comes_to_its_end_before_its_turn_does(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, by: str, elsewhere: bool
) -> None:
    monkeypatch.setattr(call, "RESULT_WAIT_SECONDS", LONG)
    here, there = process(), process()
    thread_id, bank = await asked(here, provider), Bank(here, monkeypatch)
    turn = await here.start(click(await asking_card(here, thread_id)))
    await bank.asked.wait()
    bank.answer_a_turn_that_is_asked_to_end(monkeypatch)
    other = there if elsewhere else here
    if by == "a stop":
        assert await other.cancel(thread_id)
    else:
        await (await other.start(addition(thread_id, "something else"))).wait()
    await turn.wait()
    assert (await status(here, thread_id), await payments(here)) == ("Approved", 1)
    provider.script(Answer(Text("It is paid.")))
    await here.say(thread_id, "and now?")
    assert "paid hello" in [each["content"] for each in provider.bodies[-1]["messages"] if each["role"] == "tool"]


async def test_a_call_that_takes_longer_does_not_hold_a_stop_up(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "RESULT_WAIT_SECONDS", 0.1)
    here = process()
    thread_id, bank = await asked(here, provider), Bank(here, monkeypatch)
    await here.start(click(await asking_card(here, thread_id)))
    await bank.asked.wait()
    assert await here.cancel(thread_id)
    assert (await status(here, thread_id), await payments(here)) == ("Approved, no result yet", 0)


async def test_a_process_that_is_shut_down_waits_for_no_call(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "RESULT_WAIT_SECONDS", LONG)
    here, there = process(), process()
    thread_id, bank = await asked(here, provider), Bank(here, monkeypatch)
    await here.start(click(await asking_card(here, thread_id)))
    await bank.asked.wait()
    await asyncio.wait_for(here.close(), LONG / 2)
    assert (await status(there, thread_id), await payments(there)) == ("Approved, no result yet", 0)


async def test_a_stop_between_the_calls_result_and_the_models_next_word_leaves_an_open_page_up_to_date(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await asked(here, provider)
    before = await here.stored(thread_id)
    provider.script(Answer(Stall(30)))
    turn = await here.start(click(await asking_card(here, thread_id)))
    following = asyncio.create_task(follow(turn, before))
    assert await asyncio.to_thread(provider.stalled.wait, 10), "the model is asked what it makes of the result"
    assert await here.cancel(thread_id)
    client = await following
    assert client.items == {item.id: item for item in await here.shown(thread_id)}
    assert await status(here, thread_id) == "Approved"
