"""The same request, sent again: one message of the user, one run of the model, one set of items."""

from __future__ import annotations

import asyncio

import pytest

from assistant.errors import ConflictError, NotFoundError
from assistant.threads.store import ThreadStore
from tests.integration.turns.conftest import ProcessMaker
from tests.support.provider_server import Answer, ProviderServer, Text
from tests.support.turns import Client, addition, creation, follow, said_by_user, text_of, until

pytestmark = pytest.mark.anyio

SLOW = Answer(Text("one two three four five six seven eight nine ten"), pause=0.1)


async def test_a_request_that_is_sent_five_times_at_once_is_answered_once(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(SLOW)
    here, there = process(), process()
    handles = await asyncio.gather(*(each.start(creation("hello")) for each in (here, here, there, there, here)))
    clients = await asyncio.gather(*(follow(handle) for handle in handles))
    assert len({handle.turn_id for handle in handles}) == 1
    assert len(provider.requests) == 1
    items = await here.stored(handles[0].thread_id)
    assert said_by_user(items) == ["hello"]
    assert len(items) == 2
    for client in clients:
        assert client.items == {item.id: item for item in items}
        assert client.types[0] == "thread.created"
        assert client.error is None


async def test_a_key_that_the_client_names_answers_what_was_stored_when_the_turn_is_over(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here, there = process(), process()
    first = await here.run(creation("hello"), key="k1")
    thread_id = next(iter(first.items.values())).thread_id
    await here.say(thread_id, "something else")
    again = await there.run(creation("hello"), key="k1", frame="another")
    assert again.items == first.items, "what came later in the thread is not part of that answer"
    assert len(provider.requests) == 2


async def test_the_same_words_without_a_key_are_a_new_turn_when_the_first_is_over(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await here.create("hello")
    await here.say(thread_id, "go on")
    await here.say(thread_id, "go on")
    assert said_by_user(await here.stored(thread_id)) == ["hello", "go on", "go on"]
    assert len(provider.requests) == 3


async def test_the_same_words_from_another_frame_are_another_request(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(SLOW, SLOW)
    here = process()
    one, other = await asyncio.gather(
        here.start(creation("hello"), frame="a"), here.start(creation("hello"), frame="b")
    )
    assert one.thread_id != other.thread_id


async def test_a_key_is_good_for_one_request_only(process: ProcessMaker) -> None:
    here = process()
    await here.create("hello", key="k2")
    with pytest.raises(ConflictError):
        await here.start(creation("something else"), key="k2")


async def test_another_users_key_of_the_same_name_is_another_key(process: ProcessMaker) -> None:
    here, bob = process(), process()
    bob.caller = type(bob.caller)("acme", "bob")
    assert await here.create("hello", key="k3") != await bob.create("hello", key="k3")


async def test_a_follower_in_another_process_is_at_most_two_seconds_behind(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    words = " ".join(f"word{number}" for number in range(60))
    provider.script(Answer(Text(words), pause=0.1))
    here, there = process(), process()
    first = await here.start(creation("hello"))
    said: list[str] = []
    seen: list[int] = []
    client = Client()

    async def listen() -> None:
        live = Client()
        async for event in first.events():
            live.take(event)
            said[:] = live.text.split()

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.5)
    joined = await there.start(creation("hello"))
    last = 0
    async for event in joined.events():
        client.take(event)
        words_here = len(client.text.split())
        if words_here != last:
            last = words_here
            seen.append(len(said) - words_here)
    await listening
    assert client.text == words
    assert len(seen) >= 4, "it comes in pieces, not at the end"
    # Ten words a second: what was said two seconds before each piece is in it.
    assert max(seen[1:]) <= 20


async def test_a_follower_in_another_process_ends_when_its_own_time_is_up_and_the_turn_goes_on(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(Text("one two three four five six seven eight nine ten"), pause=0.4))
    here, there = process(), process()
    first = await here.start(creation("hello"))
    joined = await there.start(creation("hello"), seconds=1)
    client = await follow(joined)
    assert not said_ten(client)
    assert client.error is not None
    assert client.error.allow_retry
    assert said_ten(await follow(first))


def said_ten(client: Client) -> bool:
    return client.text.endswith("ten")


async def test_a_retried_request_joins_although_its_thread_was_deleted_and_made_room(process: ProcessMaker) -> None:
    here = process()
    thread_id = await here.create("hello")
    handle = await here.start(addition(thread_id, "go on"))
    await ThreadStore(here.resources).delete_thread(thread_id, here.context())
    with pytest.raises(NotFoundError):
        await process().start(addition(thread_id, "go on"))
    await handle.wait()


async def test_a_key_whose_thread_was_deleted_is_not_found(process: ProcessMaker) -> None:
    here = process()
    thread_id = await here.create("hello", key="k4")
    await ThreadStore(here.resources).delete_thread(thread_id, here.context())
    with pytest.raises(NotFoundError):
        await here.start(creation("hello"), key="k4")


async def test_who_joins_late_in_the_same_process_gets_all_of_it(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(SLOW)
    here = process()
    first = await here.start(creation("hello"))
    one = Client()
    events = first.events()
    await until(events, one, "three")
    second = await here.start(creation("hello"))
    assert second.turn_id == first.turn_id
    two = await follow(second)
    async for event in events:
        one.take(event)
    assert one.events == two.events
    assert text_of(list(two.items.values())) == SLOW.parts[0].text  # type: ignore[union-attr]  # its one part is text
