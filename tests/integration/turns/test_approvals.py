"""A call that must be approved, in turns that do not come to their end: it is made once at most, as its card says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from chatkit.types import StreamingReq, ThreadItemReplacedEvent, WidgetItem

from assistant.approvals import runs
from assistant.approvals.decisions import AnsweredError, RunGoesOnError
from assistant.aws import keys
from assistant.context import RequestContext
from assistant.errors import NotFoundError, StoreUnavailableError
from assistant.threads.store import ThreadStore
from assistant.turns import service
from assistant.turns.plan import Plan, make_plan
from tests.faults.scenes import asking_card, click, payments
from tests.integration.turns.conftest import ProcessMaker
from tests.support.provider_server import Answer, ProviderServer, Stall, Text, ToolCall
from tests.support.turns import Client, Process, addition, creation, follow, retry, text_of, until

pytestmark = pytest.mark.anyio

WORDS = "one two three four five six seven eight nine ten"


async def asked(process: Process, provider: ProviderServer) -> str:
    """Have the model call for a payment, and return the thread in which a card asks."""
    provider.script(Answer(ToolCall("pay", {"what": "hello"})))
    return await process.create("pay hello")


async def status(process: Process, thread_id: str) -> str:
    return str((await asking_card(process, thread_id)).widget.model_dump()["status"]["text"])


async def assert_answered(process: Process, clicked: Any) -> None:
    before = await payments(process)
    with pytest.raises((AnsweredError, NotFoundError)) as refused:
        await process.start(clicked, frame="another page")
    assert not refused.value.retryable
    assert await payments(process) == before


async def test_without_a_sentence_of_its_own_a_card_shows_the_start_of_the_tools_description(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    card = await asking_card(here, await asked(here, provider))
    texts = [child["value"] for child in card.widget.model_dump()["children"] if child["type"] == "Text"]
    assert texts == ["Pay for something: twice, if it is called twice."]
    assert card.copy_text == "Pay (What: hello): Needs your approval"


async def test_a_stop_behind_the_call_leaves_it_approved_and_the_model_knows_its_result(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await asked(here, provider)
    clicked = click(await asking_card(here, thread_id))
    provider.script(Answer(Text(WORDS), pause=0.2))
    turn = await here.start(clicked)
    async for event in turn.events():
        if event.type == "thread.item.updated":
            break
    assert await here.cancel(thread_id)
    assert await status(here, thread_id) == "Approved"
    await assert_answered(here, clicked)
    provider.script(Answer(Text("It is paid.")))
    await here.say(thread_id, "and now?")
    told = str(provider.requests[-1].body["messages"])
    assert "paid hello" in told
    assert "did not approve" not in told


async def test_a_question_that_is_asked_when_its_thread_is_deleted_leaves_nothing(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    provider.script(Answer(Text("a moment"), Stall(0.4), ToolCall("pay", {"what": "hello"})))
    turn = await here.start(creation("pay hello"))
    await until(turn.events(), Client(), "moment")
    await ThreadStore(here.resources).delete_thread(turn.thread_id, here.context())
    await turn.wait()
    partition = here.caller.thread(turn.thread_id).partition
    rows, _ = await here.resources.table.query(partition, between=(keys.FIRST_SK, keys.LAST_SK), limit=10)
    assert rows == []


async def test_the_card_says_what_is_known_while_the_call_is_made_and_after_it(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await asked(here, provider)
    provider.script(Answer(Text("It is paid.")))
    client = await here.run(click(await asking_card(here, thread_id)), known=await here.stored(thread_id))
    items = [event.item for event in client.events if isinstance(event, ThreadItemReplacedEvent)]
    cards = [item for item in items if isinstance(item, WidgetItem)]
    assert len(cards) == len(items)
    assert [card.widget.model_dump()["status"]["text"] for card in cards] == ["Approved, no result yet", "Approved"]
    assert await payments(here) == 1


@pytest.mark.parametrize("milliseconds", [0, 20, 40, 60])
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_message_just_after_the_click_leaves_one_payment_at_most_and_no_answer_lost(
    process: ProcessMaker, provider: ProviderServer, milliseconds: int, elsewhere: bool
) -> None:
    here, there = process(), process()
    thread_id = await asked(here, provider)
    clicked = click(await asking_card(here, thread_id))
    provider.script(*[Answer(Text(WORDS), pause=0.02)] * 3)
    turn = await here.start(clicked)
    await asyncio.sleep(milliseconds / 1000)
    other = await (there if elsewhere else here).start(addition(thread_id, "something else"))
    await follow(other)
    await asyncio.gather(turn.wait(), other.wait())
    paid = await payments(here)
    match await status(here, thread_id):
        case "Needs your approval":
            assert paid == 0
            await here.run(clicked, frame="a page that was loaded anew")
            assert (await status(here, thread_id), await payments(here)) == ("Approved", 1)
        case "Approved":
            assert paid == 1
        case "Approved, no result yet":
            assert paid <= 1
        case said:
            raise AssertionError(said)
    await assert_answered(here, clicked)


async def test_a_click_while_its_call_is_decided_elsewhere_is_refused_and_ends_nothing(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here, there = process(), process()
    thread_id = await asked(here, provider)
    card = await asking_card(here, thread_id)
    provider.script(Answer(Text(WORDS), pause=0.1))
    turn = await here.start(click(card))
    with pytest.raises(AnsweredError):
        await there.start(click(card, "cancel"), frame="another page")
    client = await follow(turn, await here.stored(thread_id))
    assert (client.error, client.text.endswith(WORDS)) == (None, True)
    assert (await status(here, thread_id), await payments(here)) == ("Approved", 1)


async def test_of_two_answers_at_once_one_counts(process: ProcessMaker, provider: ProviderServer) -> None:
    here, there = process(), process()
    thread_id = await asked(here, provider)
    card = await asking_card(here, thread_id)
    provider.script(Answer(Text(WORDS), pause=0.1))
    turns = await asyncio.gather(
        here.start(click(card), frame="one page"),
        there.start(click(card, "cancel"), frame="another page"),
        return_exceptions=True,
    )
    refused = [each for each in turns if isinstance(each, BaseException)]
    assert [type(each) for each in refused] == [AnsweredError]
    for each in turns:
        if not isinstance(each, BaseException):
            await each.wait()
    approved = isinstance(turns[1], BaseException)
    assert await status(here, thread_id) == ("Approved" if approved else "Not approved")
    assert await payments(here) == int(approved)


async def test_a_stop_that_another_process_has_acknowledged_keeps_an_approved_call_from_starting(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = process(), process()
    thread_id = await asked(here, provider)
    card = await asking_card(here, thread_id)
    stopped, begin = asyncio.Event(), runs.begin

    async def after_the_stop(*given: Any) -> WidgetItem | None:
        await stopped.wait()
        return await begin(*given)

    monkeypatch.setattr(runs, "begin", after_the_stop)
    turn = await here.start(click(card))
    assert await there.cancel(thread_id)
    stopped.set()
    client = await follow(turn, await here.stored(thread_id))
    await turn.wait()
    assert client.error is None
    assert (await status(here, thread_id), await payments(here)) == ("Needs your approval", 0)
    assert (await here.turn_row(thread_id))["state"] == "stopped"


async def test_a_rejection_counts_also_when_its_turn_is_stopped_at_once(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await asked(here, provider)
    card = await asking_card(here, thread_id)
    provider.script(Answer(Text(WORDS), pause=0.2))
    await here.start(click(card, "cancel"))
    assert await here.cancel(thread_id)
    assert await status(here, thread_id) == "Not approved"
    await assert_answered(here, click(card))
    provider.script(Answer(Text("Then not.")))
    await here.say(thread_id, "and now?")
    assert "Pay (What: hello): Not approved" in str(provider.requests[-1].body["messages"])
    assert await payments(here) == 0


async def cards_of(process: Process, thread_id: str) -> list[WidgetItem]:
    return [item for item in await process.stored(thread_id) if isinstance(item, WidgetItem)]


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_click_on_another_card_while_a_call_is_made_may_be_sent_again_when_it_is_done(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    made, begin = asyncio.Event(), runs.begin

    async def later(*given: Any) -> Any:
        await made.wait()
        return await begin(*given)

    monkeypatch.setattr(runs, "begin", later)
    here, there = process(), process()
    provider.script(Answer(ToolCall("pay", {"what": "one"}), ToolCall("pay", {"what": "two"})))
    thread_id = await here.create("pay both")
    first, second = await cards_of(here, thread_id)
    provider.script(Answer(Text("Both are paid.")))
    if at_once:
        turns = await asyncio.gather(
            here.start(click(first)), there.start(click(second), frame="another page"), return_exceptions=True
        )
        (refused,) = [each for each in turns if isinstance(each, BaseException)]
        (turn,) = [each for each in turns if not isinstance(each, BaseException)]
        left = first if isinstance(turns[0], BaseException) else second
    else:
        turn, left = await here.start(click(first)), second
        with pytest.raises(RunGoesOnError) as raised:
            await there.start(click(second), frame="another page")
        refused = raised.value
    assert isinstance(refused, RunGoesOnError)
    assert (refused.retryable, refused.retry_after) == (True, 2.0)
    made.set()
    await turn.wait()
    assert await payments(here) == 1
    client = await there.run(click(left), frame="another page")
    assert (client.text, await payments(here)) == ("Both are paid.", 2)
    assert [card.widget.model_dump()["status"]["text"] for card in await cards_of(here, thread_id)] == ["Approved"] * 2


async def test_the_same_click_after_its_call_was_begun_in_a_process_that_died_is_refused_for_good(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying, there = process(), process()
    thread_id = await asked(dying, provider)
    clicked, begun = click(await asking_card(dying, thread_id)), asyncio.Event()
    begin = runs.begin

    async def and_no_further(*given: Any) -> None:
        await begin(*given)
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(runs, "begin", and_no_further)
    await dying.start(clicked)
    await begun.wait()
    await dying.close()
    assert await status(there, thread_id) == "Approved, no result yet"
    with pytest.raises(AnsweredError):
        await there.start(clicked)
    assert await payments(there) == 0


@pytest.mark.parametrize("known", [True, False])
async def test_a_retry_takes_back_no_call_that_was_approved(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    here, there = process(), process()
    thread_id = await asked(here, provider)
    card, message = await asking_card(here, thread_id), await here.user_message(thread_id)
    begin = runs.begin

    async def and_fail(*given: Any) -> None:
        await begin(*given)
        raise StoreUnavailableError

    if known:
        provider.script(Answer(Text("It is paid.")))
        await here.run(click(card))
    else:
        with monkeypatch.context() as patched:
            patched.setattr(runs, "begin", and_fail)
            await here.run(click(card))
    said = "Approved" if known else "Approved, no result yet"
    assert await status(here, thread_id) == said
    for others in (1, 2):
        provider.script(Answer(ToolCall("pay", {"what": "once more"})))
        client = await here.run(retry(thread_id, message.id), key=f"retry {others}")
        told = str(provider.requests[-1].body["messages"])
        assert f"Pay (What: hello): {'Approved' if known else 'Approved and begun. Its outcome is not known'}" in told
        stored = await cards_of(here, thread_id)
        texts = [each.widget.model_dump()["status"]["text"] for each in stored]
        assert texts == [said] + ["Approved"] * (others - 1) + ["Needs your approval"]
        assert [each.id for each in client.items.values() if isinstance(each, WidgetItem)] == [x.id for x in stored]
        again = await there.run(retry(thread_id, message.id), key=f"retry {others}")
        assert again.items == client.items
        provider.script(Answer(Text("It is paid once more.")))
        await here.run(click(stored[-1]))
    assert await payments(here) == 2 + known


async def test_a_retry_takes_away_a_card_that_asks_and_one_that_was_rejected(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    provider.script(Answer(ToolCall("pay", {"what": "one"}), ToolCall("pay", {"what": "two"})))
    thread_id = await here.create("pay both")
    first, _ = await cards_of(here, thread_id)
    await here.run(click(first, "cancel"))
    provider.script(Answer(Text("I shall not.")))
    await here.run(retry(thread_id, (await here.user_message(thread_id)).id))
    assert await cards_of(here, thread_id) == []
    assert "Pay (" not in str(provider.requests[-1].body["messages"])


async def test_a_click_planned_while_a_retry_ran_does_not_count_once_that_has_taken_its_card_away(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = process()
    thread_id = await asked(here, provider)
    clicked = click(await asking_card(here, thread_id))
    provider.script(Answer(Text(WORDS), pause=0.05))
    running = await here.start(retry(thread_id, (await here.user_message(thread_id)).id))
    plans: list[Plan] = []

    async def and_late(request: StreamingReq, context: RequestContext) -> Plan:
        plans.append(await make_plan(request, context))
        await running.wait()
        return plans[-1]

    monkeypatch.setattr(service, "make_plan", and_late)
    with pytest.raises(NotFoundError):
        await here.start(clicked)
    assert len(plans) == 1, "the card was there when the click was planned"
    assert await payments(here) == 0
    assert text_of(await here.stored(thread_id)).strip() == WORDS
