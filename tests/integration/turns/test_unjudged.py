"""What guardrails have not judged, since its turn ended before that, is judged before a later turn's model reads it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from agents import GuardrailFunctionOutput
from chatkit.types import (
    StructuredInputAnswerSubmission,
    StructuredInputItem,
    StructuredInputSubmission,
    ThreadAddStructuredInputParams,
    ThreadsAddStructuredInputReq,
)

from assistant.errors import StoreUnavailableError
from assistant.threads import turn_record
from assistant.turns import TurnHandle, lease, runner, stop
from tests.integration.turns.conftest import ProcessMaker
from tests.support import desk
from tests.support.desk.guardrail import no_card_numbers
from tests.support.provider_server import Answer, NoAnswer, ProviderServer, Text, ToolCall
from tests.support.turns import Process, addition, eventually, said_by_user

pytestmark = pytest.mark.anyio

CARD = "my card is 4111 1111 1111 1111"


class Guardrail:
    """The tests' guardrail, which comes to its first verdicts when nobody waits for them any more.

    Attributes:
        asked: How often it was asked.
        is_asked: Set when it is.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.is_asked = asyncio.Event()
        self.stalls = False
        self._judge = no_card_numbers.guardrail_function
        monkeypatch.setattr(no_card_numbers, "guardrail_function", self._late)

    async def _late(self, *given: Any) -> GuardrailFunctionOutput:
        self.asked += 1
        self.is_asked.set()
        if self.stalls:
            await asyncio.Event().wait()
        verdict = self._judge(*given)
        assert isinstance(verdict, GuardrailFunctionOutput)
        return verdict


@pytest.fixture
def guardrail(monkeypatch: pytest.MonkeyPatch) -> Guardrail:
    return Guardrail(monkeypatch)


async def begin_unjudged(here: Process, thread_id: str, text: str, guardrail: Guardrail) -> TurnHandle:
    """Begin a turn of which the guardrail has not come to its verdict."""
    guardrail.stalls = True
    guardrail.is_asked.clear()
    turn = await here.start(addition(thread_id, text))
    await guardrail.is_asked.wait()
    guardrail.stalls, guardrail.asked = False, 0
    return turn


async def told_next(here: Process, provider: ProviderServer, thread_id: str, text: str = "are you there?") -> str:
    """Say something, and return what the model is told."""
    provider.reset()
    provider.script(Answer(Text("Welcome.")))
    client = await here.say(thread_id, text)
    assert client.error is None
    return json.dumps(provider.bodies[-1])


async def _unreachable(*_: object) -> None:
    raise StoreUnavailableError


@pytest.mark.parametrize("end", ["a stop", "a message", "a death"])
@pytest.mark.parametrize(("text", "let_in"), [(CARD, False), ("my name is Heron", True)])
async def test_a_message_that_was_not_judged_is_judged_before_the_next_model_reads_it(
    process: ProcessMaker,
    provider: ProviderServer,
    guardrail: Guardrail,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    text: str,
    let_in: bool,
) -> None:
    monkeypatch.setattr(turn_record, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(stop, "CANCEL_PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(runner, "ENDING_ATTEMPTS", 1)
    here, there = (process(agent_factory=desk.FACTORY) for _ in range(2))
    provider.script(Answer(Text("warm")))
    thread_id = await here.create("hello")
    provider.script(NoAnswer(30))
    await begin_unjudged(here, thread_id, text, guardrail)
    if end == "a stop":
        assert await here.cancel(thread_id)
    elif end == "a death":
        monkeypatch.setattr(here.resources.table, "_call", _unreachable)
    told = await told_next(there, provider, thread_id)
    assert ((text in told), ("was refused" in told)) == (let_in, not let_in)
    assert guardrail.asked == 2, "of the message that was not judged, and of the new one"
    told = await told_next(there, provider, thread_id, "and now?")
    assert ((text in told), ("was refused" in told)) == (let_in, not let_in)
    assert guardrail.asked == 3, "what was judged once is not judged again"
    assert said_by_user(await there.stored(thread_id)) == ["hello", text, "are you there?", "and now?"]


async def test_answers_that_were_not_judged_are_judged_before_the_next_model_reads_them(
    process: ProcessMaker, provider: ProviderServer, guardrail: Guardrail
) -> None:
    here = process(agent_factory=desk.FACTORY)
    provider.script(Answer(ToolCall("transfer_to_tech")), Answer(ToolCall("ask_about_problem")))
    thread_id = await here.create("it is broken")
    form = next(item for item in await here.stored(thread_id) if isinstance(item, StructuredInputItem))
    provider.script(Answer(Text("Take your time.")))
    await here.say(thread_id, "just a moment")
    answers = {"problem": StructuredInputAnswerSubmission(values=[CARD])}
    submission = StructuredInputSubmission(status="answered", answers=answers)
    params = ThreadAddStructuredInputParams(thread_id=thread_id, item_id=form.id, input=submission)
    provider.script(NoAnswer(30))
    guardrail.stalls = True
    guardrail.is_asked.clear()
    await here.start(ThreadsAddStructuredInputReq(params=params))
    await guardrail.is_asked.wait()
    guardrail.stalls = False
    assert await here.cancel(thread_id)
    told = await told_next(here, provider, thread_id)
    assert ("4111" in told, "was refused" in told) == (False, True)


async def test_what_cannot_be_judged_now_is_left_out_until_it_can(
    process: ProcessMaker, provider: ProviderServer, guardrail: Guardrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = process(agent_factory=desk.FACTORY)
    provider.script(Answer(Text("warm")))
    thread_id = await here.create("hello")
    provider.script(NoAnswer(30))
    await begin_unjudged(here, thread_id, "my name is Heron", guardrail)
    assert await here.cancel(thread_id)
    judge = guardrail._judge

    def only_new_ones(context: Any, agent: Any, given: Any) -> Any:
        if "Heron" in str(given[-1]):
            raise RuntimeError("the guardrail is out of reach")
        return judge(context, agent, given)

    monkeypatch.setattr(guardrail, "_judge", only_new_ones)
    assert "Heron" not in await told_next(here, provider, thread_id)
    monkeypatch.setattr(guardrail, "_judge", judge)
    assert "Heron" in await told_next(here, provider, thread_id, "and now?")


async def test_a_message_that_was_judged_before_its_process_died_is_not_judged_again(
    process: ProcessMaker, provider: ProviderServer, guardrail: Guardrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_record, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(stop, "CANCEL_PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(runner, "ENDING_ATTEMPTS", 1)
    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 0.2)
    here, there = (process(agent_factory=desk.FACTORY) for _ in range(2))
    provider.script(Answer(Text("warm")))
    thread_id = await here.create("hello")
    provider.script(NoAnswer(30))
    await here.start(addition(thread_id, "my name is Heron"))

    async def is_noted() -> bool:
        return bool((await there.turn_row(thread_id)).get("judged"))

    await eventually(is_noted, "the verdict is in the turn's record")
    monkeypatch.setattr(here.resources.table, "_call", _unreachable)
    guardrail.asked = 0
    assert "Heron" in await told_next(there, provider, thread_id)
    assert guardrail.asked == 1, "of the new message alone"
