"""A request that is refused, or that comes too late, ends nobody's turn; what ends a turn is said plainly."""

from __future__ import annotations

import asyncio
import json

import pytest
from chatkit.types import (
    ErrorEvent,
    StreamingReq,
    StructuredInputAnswerSubmission,
    StructuredInputItem,
    StructuredInputSubmission,
    ThreadAddStructuredInputParams,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadsAddStructuredInputReq,
    UserMessageItem,
)

from assistant.agent import run_stream
from assistant.context import RequestContext
from assistant.errors import ConflictError, InvalidRequestError, QuotaExceededError
from assistant.settings import Quota
from assistant.threads.store import ThreadStore
from assistant.turns import service
from assistant.turns.plan import Plan, make_plan
from tests.integration.turns.conftest import ProcessMaker, ask_the_page
from tests.support import desk
from tests.support.provider_server import Answer, NoAnswer, ProviderServer, Text, ToolCall
from tests.support.turns import Process, addition, creation, eventually, follow, retry, said_by_user, tool_output

pytestmark = pytest.mark.anyio

WORDS = "one two three four five six seven eight nine ten"


async def told_of_the_refusal_alone(here: Process, provider: ProviderServer, thread_id: str) -> str:
    """Return what the model of the next turn is told, which is not what was refused."""
    provider.script(Answer(Text("Welcome.")))
    await here.say(thread_id, "are you still there?")
    told = json.dumps(provider.bodies[-1])
    assert "4111" not in told
    assert "was refused" in told
    return told


async def test_a_message_over_the_quota_leaves_the_running_turn_alone(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(Text("warm")), Answer(Text(WORDS), pause=0.1))
    here = process(user_quota=Quota(turns_per_minute=2))
    thread_id = await here.create("hello")
    running = await here.start(addition(thread_id, "count"))
    with pytest.raises(QuotaExceededError):
        await here.start(addition(thread_id, "one more"))
    client = await follow(running)
    await running.wait()
    assert WORDS in client.text
    assert client.error is None


async def test_an_empty_message_leaves_the_running_turn_alone(process: ProcessMaker, provider: ProviderServer) -> None:
    provider.script(Answer(Text(WORDS), pause=0.1))
    here = process()
    running = await here.start(creation("count"))
    for text in ("", " \n"):
        with pytest.raises(InvalidRequestError):
            await here.start(addition(running.thread_id, text))
    client = await follow(running)
    assert client.text == WORDS


async def test_a_turn_whose_thread_is_deleted_says_so_and_offers_no_retry(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(Text(WORDS), pause=0.4))
    here = process()
    running = await here.start(creation("count"))
    following = asyncio.create_task(follow(running))
    await asyncio.sleep(0.5)
    context = here.context()
    await ThreadStore(here.resources).delete_thread(running.thread_id, context)
    client = await following
    assert client.error is not None
    assert client.error.message == "This thread was deleted."
    assert not client.error.allow_retry


async def test_an_answer_keeps_its_creation_from_its_first_word_to_the_table(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(Text(WORDS), pause=0.05))
    here = process()
    client = await here.run(creation("count"))
    added = [event.item for event in client.events if isinstance(event, ThreadItemAddedEvent)]
    done = [event.item for event in client.events if isinstance(event, ThreadItemDoneEvent)][-1]
    stored = await here.stored(done.thread_id)
    assert added[0].created_at == done.created_at == stored[-1].created_at


async def test_of_outputs_that_race_for_one_call_the_first_is_answered_to_its_end(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = process(), process()
    thread_id = await ask_the_page(here, provider)
    provider.script(Answer(Text(WORDS), pause=0.1))
    racers = 4
    planned = 0
    all_planned = asyncio.Event()

    async def together(request: StreamingReq, context: RequestContext) -> Plan:
        """Let nobody claim before everybody has seen the call waiting."""
        nonlocal planned
        plan = await make_plan(request, context)
        planned += 1
        if planned >= racers:
            all_planned.set()
        await all_planned.wait()
        return plan

    monkeypatch.setattr(service, "make_plan", together)
    started = await asyncio.gather(
        *(each.start(tool_output(thread_id, n)) for n, each in enumerate((here, there, here, there))),
        return_exceptions=True,
    )
    handles = [each for each in started if not isinstance(each, BaseException)]
    refused = [each for each in started if isinstance(each, BaseException)]
    assert len(handles) == 1
    assert all(isinstance(each, ConflictError) for each in refused), refused
    client = await follow(handles[0])
    assert client.text == WORDS


async def test_words_that_were_cut_off_are_new_words_once_another_turn_has_come(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(Text("first")))
    dying, there = process(), process()
    thread_id = await there.create("before")
    provider.script(Answer(Text(WORDS), pause=0.2), Answer(Text("second")), Answer(Text("third")))
    lost = await dying.start(addition(thread_id, "count"))
    await eventually(lambda: _has_begun(there, thread_id), "it has begun")
    await dying.close()
    again = await there.start(addition(thread_id, "count"))
    assert again.turn_id == lost.turn_id, "sent again at once, it is the same request"
    await there.say(thread_id, "something else")
    anew = await there.start(addition(thread_id, "count"))
    assert anew.turn_id != lost.turn_id
    await anew.wait()
    assert said_by_user(await there.stored(thread_id)) == ["before", "count", "something else", "count"]


async def _has_begun(process: Process, thread_id: str) -> bool:
    return "one" in str(await process.shown(thread_id))


async def test_what_a_guardrail_has_refused_stays_with_the_user_and_never_reaches_a_later_turns_model(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(Text("warm")))
    here = process(agent_factory=desk.FACTORY)
    thread_id = await here.create("hello")
    provider.script(Answer(Text(WORDS), pause=0.1))
    refused = await here.run(addition(thread_id, "my card is 4111 1111 1111 1111"))
    assert isinstance(refused.error, ErrorEvent)
    assert "card numbers" in (refused.error.message or "")
    assert "hello" in await told_of_the_refusal_alone(here, provider, thread_id)
    said = said_by_user(await here.stored(thread_id))
    assert said == ["hello", "my card is 4111 1111 1111 1111", "are you still there?"]


async def test_what_a_guardrail_refuses_while_its_turn_is_stopped_reaches_no_later_turns_model_either(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = process(agent_factory=desk.FACTORY)
    provider.script(Answer(Text("warm")))
    thread_id = await here.create("hello")
    # Nothing looks at what the guardrail has found before the stop comes.
    monkeypatch.setattr(run_stream.CancellableRun, "_end_if_tripped", lambda _: None)
    provider.script(NoAnswer())
    before = len(provider.bodies)
    turn = await here.start(addition(thread_id, "my card is 4111 1111 1111 1111"))

    async def is_asked() -> bool:
        return len(provider.bodies) > before

    await eventually(is_asked, "the model has been asked")
    assert await here.cancel(thread_id)
    await turn.wait()
    await told_of_the_refusal_alone(here, provider, thread_id)


async def test_answers_that_a_guardrail_refuses_long_after_their_form_was_asked_reach_no_later_turns_model(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process(agent_factory=desk.FACTORY)
    provider.script(Answer(ToolCall("transfer_to_tech")), Answer(ToolCall("ask_about_problem")))
    thread_id = await here.create("it is broken")
    form = next(item for item in await here.stored(thread_id) if isinstance(item, StructuredInputItem))
    provider.script(Answer(Text("Take your time.")))
    await here.say(thread_id, "just a moment")
    answers = {"problem": StructuredInputAnswerSubmission(values=["I cannot pay with 4111 1111 1111 1111"])}
    submission = StructuredInputSubmission(status="answered", answers=answers)
    params = ThreadAddStructuredInputParams(thread_id=thread_id, item_id=form.id, input=submission)
    provider.script(Answer(Text(WORDS), pause=0.1))
    refused = await here.run(ThreadsAddStructuredInputReq(params=params))
    assert isinstance(refused.error, ErrorEvent)
    assert "card numbers" in (refused.error.message or "")
    await told_of_the_refusal_alone(here, provider, thread_id)


async def test_a_message_that_was_refused_is_judged_again_when_it_is_retried(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process(agent_factory=desk.FACTORY)
    provider.script(Answer(Text(WORDS), pause=0.1))
    client = await here.run(creation("my card is 4111 1111 1111 1111"))
    (message,) = [item for item in client.items.values() if isinstance(item, UserMessageItem)]
    for _ in range(2):
        provider.script(Answer(Text(WORDS), pause=0.1))
        again = await here.run(retry(message.thread_id, message.id))
        assert isinstance(again.error, ErrorEvent)
        assert "card numbers" in (again.error.message or "")
