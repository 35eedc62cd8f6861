"""An approved call that has begun, in a turn that is asked to end: what is known of it, and who is told."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.scenes import asking_card, click
from tests.integration.turns.conftest import ProcessMaker
from tests.integration.turns.test_approvals import asked, status
from tests.support.provider_server import Answer, ProviderServer, Stall
from tests.support.turns import follow

pytestmark = pytest.mark.anyio


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
