"""A message that replaces an earlier one and all that follows it, as a retry replaces an answer."""

from __future__ import annotations

from typing import Any

import pytest
from chatkit.types import ThreadItem, ThreadsAddUserMessageReq

from assistant import forks
from assistant.errors import InvalidRequestError, NotFoundError, TurnRunningError
from assistant.ids import new_id
from tests.integration.turns.conftest import ProcessMaker, begin_stalled
from tests.support.provider_server import Answer, Cut, ProviderServer, Text
from tests.support.turns import Process, addition, said_by_user, text_of

pytestmark = pytest.mark.anyio


def edit(thread_id: str, item_id: Any, text: str) -> ThreadsAddUserMessageReq:
    return addition(thread_id, text).model_copy(update={"metadata": {"edit_of": item_id}})


async def talked(here: Process, provider: ProviderServer) -> tuple[str, list[ThreadItem]]:
    """Return a thread with two questions and answers, and its items."""
    provider.script(Answer(Text("an answer")), Answer(Text("a second answer")))
    thread_id = await here.create("first question")
    await here.say(thread_id, "second question")
    return thread_id, await here.stored(thread_id)


@pytest.mark.parametrize("at", [0, 2])
async def test_an_edit_replaces_the_message_and_all_that_follows_it(
    process: ProcessMaker, provider: ProviderServer, at: int
) -> None:
    here = process()
    thread_id, before = await talked(here, provider)
    provider.script(Answer(Text("a better answer")))
    client = await here.run(edit(thread_id, before[at].id, "edited"), known=before)
    stored = await here.stored(thread_id)
    assert stored[:at] == before[:at]
    assert said_by_user(stored[at:]) == ["edited"]
    assert text_of(stored[at:]).strip() == "a better answer"
    assert [item.id for item in stored] == list(client.items), "the page shows the same as the table"
    told = [each["role"] for each in provider.bodies[-1]["messages"]]
    assert told == ["system", *["user", "assistant"] * (at // 2), "user"]


async def test_an_edit_that_fails_loses_nothing(process: ProcessMaker, provider: ProviderServer) -> None:
    here = process()
    thread_id, before = await talked(here, provider)
    provider.script(Answer(Text("half an"), Cut()))
    client = await here.run(edit(thread_id, before[0].id, "edited"), known=before)
    assert client.error is not None
    stored = await here.stored(thread_id)
    assert stored[: len(before)] == before
    assert said_by_user(stored)[-1] == "edited"
    assert "thread.item.removed" not in client.types


async def test_a_page_that_follows_the_edit_in_another_process_loses_the_same_items(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here, there = process(), process()
    thread_id, before = await talked(here, provider)
    provider.script(Answer(Text("a better answer")))
    request = edit(thread_id, before[2].id, "edited")
    await here.run(request, key="k")
    client = await there.run(request, known=before, key="k")
    assert not {before[2].id, before[3].id} & set(client.items)


async def test_only_ones_own_message_of_the_thread_can_be_edited(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id, before = await talked(here, provider)
    for wrong, error in ((before[1].id, InvalidRequestError), (7, InvalidRequestError), (new_id("msg"), NotFoundError)):
        with pytest.raises(error):
            await here.run(edit(thread_id, wrong, "edited"))
    assert await here.stored(thread_id) == before


async def test_there_is_no_fork_up_to_a_message_that_is_being_answered(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    handle = await begin_stalled(here, provider)
    message = await here.user_message(handle.thread_id)
    with pytest.raises(TurnRunningError):
        await forks.fork_thread(handle.thread_id, message.id, here.context())
    assert (await forks.fork_thread(handle.thread_id, message.id, here.context(), before=True)).ready
    await here.cancel(handle.thread_id)
    await handle.wait()
