"""A person answers in a thread: what is stored, that no agent runs, and what happens at the same moment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from chatkit.types import NoticeEvent, StreamingReq

from assistant import audit, forks, shares, takeover, upkeep
from assistant.aws import keys
from assistant.context import RequestContext
from assistant.errors import ConflictError, InvalidRequestError, NotFoundError
from assistant.identity import Caller
from assistant.takeover import Waiting
from assistant.threads.store import ThreadStore
from assistant.turns import service
from assistant.turns.plan import Plan, make_plan
from tests.integration.turns.conftest import ProcessMaker, begin_stalled
from tests.support.provider_server import Answer, ProviderServer, Text
from tests.support.rows import keys_of
from tests.support.turns import Process, retry, said_by_user, text_of

pytestmark = pytest.mark.anyio

ROLES = ("support",)


def staff(here: Process, name: str = "sam", tenant: str = "acme") -> RequestContext:
    return RequestContext(Caller(tenant, name, "support", name=name.title()), here.resources)


async def queue(here: Process, thread_id: str) -> list[Waiting]:
    """Return what the staff sees of a thread. Other tests have the same tenant."""
    found, _ = await takeover.list_waiting(staff(here))
    return [each for each in found if each.thread_id == thread_id]


async def waiting_in(here: Process, thread_id: str) -> Waiting:
    await takeover.ask(thread_id, "An invoice is wrong.", here.context())
    [waiting] = await queue(here, thread_id)
    return waiting


async def test_while_a_person_answers_messages_are_stored_and_no_agent_runs(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process(support_roles=ROLES)
    thread_id = await here.create("hello")
    waiting = await waiting_in(here, thread_id)
    assert (waiting.shown()["reason"], waiting.shown()["handled_by"]) == ("An invoice is wrong.", None)
    await takeover.take_over(waiting, staff(here))
    asked = len(provider.bodies)
    client = await here.say(thread_id, "are you there?")
    assert len(provider.bodies) == asked, "no model was called"
    notices = [event.message for event in client.events if isinstance(event, NoticeEvent)]
    assert notices == ["A person is answering here. Your message has been passed on."]
    await takeover.say(waiting, "I am.", staff(here))
    shown = await here.shown(thread_id)
    assert said_by_user(shown) == ["hello", "are you there?"]
    assert text_of(shown).endswith("**Sam:** I am.")
    assert "Sam answers here now." in text_of(shown)
    reader = here.context()
    from assistant.operations import reads

    await reads.get_thread(thread_id, reader)
    assert reader.person == "answering"
    await takeover.hand_back(waiting, staff(here))
    provider.script(Answer(Text("the assistant again")))
    client = await here.say(thread_id, "and now?")
    assert "the assistant again" in client.text
    told = str(provider.bodies[-1]["messages"])
    assert "I am." in told
    assert "are you there?" in told
    assert await queue(here, thread_id) == []
    page, _ = await audit.page(here.resources, "acme")
    acts = [each["action"] for each in page if each.get("thread_id") == thread_id]
    assert acts == ["thread.handed_back", "thread.answered", "thread.taken_over", "person.asked"]


async def test_a_takeover_ends_the_running_turn_and_keeps_its_partial_answer(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process(support_roles=ROLES)
    handle = await begin_stalled(here, provider)
    waiting = await waiting_in(here, handle.thread_id)
    await takeover.take_over(waiting, staff(here))
    await handle.wait()
    assert (await here.turn_row(handle.thread_id))["state"] == "interrupted"
    assert "one two three" in text_of(await here.stored(handle.thread_id))


async def test_a_message_whose_claim_meets_the_takeover_runs_no_agent(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The takeover is stored after the plan of the turn, and its end of running turns comes before the claim."""
    here = process(support_roles=ROLES)
    thread_id = await here.create("hello")
    waiting = await waiting_in(here, thread_id)

    async def late(request: StreamingReq, context: RequestContext) -> Plan:
        made = await make_plan(request, context)
        await takeover.take_over(waiting, staff(here))
        return made

    monkeypatch.setattr(service, "make_plan", late)
    asked = len(provider.bodies)
    client = await here.say(thread_id, "are you there?")
    assert len(provider.bodies) == asked
    assert any(isinstance(event, NoticeEvent) for event in client.events)
    assert said_by_user(await here.stored(thread_id)) == ["hello", "are you there?"]


async def test_a_message_that_meets_the_hand_back_is_answered_by_the_agent(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = process(support_roles=ROLES)
    thread_id = await here.create("hello")
    waiting = await waiting_in(here, thread_id)
    await takeover.take_over(waiting, staff(here))
    claim = service._claim
    met: list[object] = []

    async def late(*given: Any) -> object:
        claimed = await claim(*given)
        if not met:
            # The first claim has learned that a person answers.
            met.append(claimed)
            await takeover.hand_back(waiting, staff(here))
        return claimed

    monkeypatch.setattr(service, "_claim", late)
    provider.script(Answer(Text("the assistant again")))
    client = await here.say(thread_id, "and now?")
    assert "the assistant again" in client.text


async def test_of_two_staff_one_answers(process: ProcessMaker, provider: ProviderServer) -> None:
    here = process(support_roles=ROLES)
    thread_id = await here.create("hello")
    waiting = await waiting_in(here, thread_id)
    both = [takeover.take_over(waiting, staff(here, name)) for name in ("Sam", "Kim")]
    ends = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(each).__name__ for each in ends) == ["ConflictError", "NoneType"]
    won, lost = ("Sam", "Kim") if ends[0] is None else ("Kim", "Sam")
    await takeover.say(waiting, "mine", staff(here, won))
    with pytest.raises(ConflictError):
        await takeover.say(waiting, "also mine", staff(here, lost))
    await takeover.take_over(waiting, staff(here, won))
    assert text_of(await here.stored(thread_id)).count("answers here now") == 1
    # Whoever took it may be away.
    await takeover.hand_back(waiting, staff(here, lost))
    with pytest.raises(ConflictError):
        await takeover.say(waiting, "too late", staff(here, won))
    with pytest.raises(NotFoundError):
        await takeover.hand_back(waiting, staff(here, won))


async def test_a_retry_is_refused_and_a_message_is_checked_by_guardrails_later(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process(support_roles=ROLES)
    thread_id = await here.create("hello")
    message = await here.user_message(thread_id)
    waiting = await waiting_in(here, thread_id)
    await takeover.take_over(waiting, staff(here))
    before = await here.stored(thread_id)
    with pytest.raises(ConflictError, match="A person is answering"):
        await here.run(retry(thread_id, message.id))
    assert await here.stored(thread_id) == before
    await here.say(thread_id, "unchecked")
    last = (await here.stored(thread_id))[-1]
    assert (last.type, getattr(last, "content", None)) == ("hidden_context_item", {"type": "unjudged"})


async def test_the_user_asks_once_and_returns_to_the_assistant(process: ProcessMaker, provider: ProviderServer) -> None:
    here = process(support_roles=ROLES)
    thread_id = await here.create("hello")
    await waiting_in(here, thread_id)
    await takeover.ask(thread_id, "another reason", here.context())
    assert len(await queue(here, thread_id)) == 1
    await takeover.hand_back(takeover.own_waiting(thread_id, here.context()), here.context())
    assert await queue(here, thread_id) == []
    with pytest.raises(InvalidRequestError):
        await takeover.ask(thread_id, "x" * 501, here.context())
    with pytest.raises(NotFoundError):
        await takeover.ask(thread_id, "why", process().context())


async def test_a_thread_leaves_the_queue_when_it_is_deleted_and_a_fork_has_no_person(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process(support_roles=ROLES)
    thread_id = await here.create("hello")
    waiting = await waiting_in(here, thread_id)
    await takeover.take_over(waiting, staff(here))
    message = await here.user_message(thread_id)
    made = await forks.fork_thread(thread_id, message.id, here.context())
    provider.script(Answer(Text("an agent's answer")))
    assert "an agent's answer" in (await here.say(made.thread_id, "hi")).text
    await ThreadStore(here.resources).delete_thread(thread_id, here.context())
    assert await queue(here, thread_id) == []
    with pytest.raises(NotFoundError):
        await takeover.say(waiting, "anyone?", staff(here))
    assert [sk for pk, sk in keys_of(here.resources, thread_id) if sk.startswith(keys.WAITING_PREFIX)] == []


async def test_an_export_has_the_users_question_and_its_share_and_an_erasure_takes_both(process: ProcessMaker) -> None:
    here = process(support_roles=ROLES)
    thread_id = await here.create("hello")
    await waiting_in(here, thread_id)
    shared = await shares.share_thread(thread_id, here.context())
    other = (await upkeep.thread_data(here.resources, here.caller, thread_id))["other"]
    assert "An invoice is wrong." in [row.get("reason") for row in other]
    assert shared.token not in str(other)
    assert await upkeep.erase(here.resources, await upkeep.request_erasure(here.resources, here.caller))
    assert await queue(here, thread_id) == []
    with pytest.raises(NotFoundError):
        await shares.open_share(shared.token, here.caller, here.resources)


async def test_staff_of_another_tenant_sees_nothing(process: ProcessMaker, provider: ProviderServer) -> None:
    here = process(support_roles=ROLES)
    waiting = await waiting_in(here, await here.create("hello"))
    assert (await takeover.list_waiting(staff(here, tenant="globex")))[0] == []
    with pytest.raises(NotFoundError):
        await takeover.find_waiting(waiting.id, staff(here, tenant="globex"))
    assert (await takeover.find_waiting(waiting.id, staff(here))).thread_id == waiting.thread_id
