"""A visitor signs in while a person answers, or while a job runs."""

from __future__ import annotations

import uuid

import pytest

from assistant import takeover
from assistant.context import RequestContext
from assistant.identity import Caller
from assistant.threads import JOBS, ThreadNotFoundError
from assistant.threads.store import ThreadStore
from assistant.upkeep import request_take_along, take_along
from tests.integration.turns.conftest import ProcessMaker
from tests.support.conversations import new_thread

pytestmark = pytest.mark.anyio


async def test_a_moved_thread_has_no_person_and_a_thread_with_a_job_moves_later(process: ProcessMaker) -> None:
    resources = process(support_roles=("support",)).resources
    visitor, user = Caller("visitors", uuid.uuid4().hex, visitor=True), Caller("acme", uuid.uuid4().hex)
    theirs, mine = RequestContext(visitor, resources), RequestContext(user, resources)
    store, staff = ThreadStore(resources), RequestContext(Caller("visitors", "sam", "support"), resources)
    handled, busy = new_thread(), new_thread(metadata={JOBS: ["job_1"], "kept": "yes"})
    for thread in (handled, busy):
        await store.save_thread(thread, theirs)
    await takeover.ask(handled.id, "Help.", theirs)
    found = await takeover.find_waiting(takeover.own_waiting(handled.id, theirs).id, staff)
    await takeover.take_over(found, staff)
    work = await request_take_along(resources, visitor, user)
    assert not await take_along(resources, work)
    moved = await store.load_thread(handled.id, mine)
    assert moved.metadata == {}
    assert all(each.thread_id != handled.id for each in (await takeover.list_waiting(staff))[0])
    with pytest.raises(ThreadNotFoundError):
        await store.load_thread(busy.id, mine)
    # The job has ended.
    context = RequestContext(visitor, resources)
    ended = await store.load_thread(busy.id, context)
    del ended.metadata[JOBS]
    await store.save_thread(ended, context)
    assert await take_along(resources, work)
    assert (await store.load_thread(busy.id, mine)).metadata == {"kept": "yes"}
