"""A request that is refused, or that comes too late, ends nobody's turn; what ends a turn is said plainly."""

from __future__ import annotations

import asyncio

import pytest
from chatkit.types import ThreadItemAddedEvent, ThreadItemDoneEvent

from assistant.errors import InvalidRequestError, QuotaExceededError
from assistant.settings import Quota
from assistant.threads.store import ThreadStore
from tests.integration.turns.conftest import ProcessMaker
from tests.support.provider_server import Answer, ProviderServer, Text
from tests.support.turns import addition, creation, follow

pytestmark = pytest.mark.anyio

WORDS = "one two three four five six seven eight nine ten"


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
