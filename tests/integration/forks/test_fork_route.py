"""The fork's route over HTTP: one key makes one fork."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.api import create_app
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.threads.store import ThreadStore
from tests.support.asgi import client
from tests.support.conversations import new_thread, said
from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

FORK = "/chatkit/api/fork"


async def test_the_same_key_makes_one_fork(resources: Resources, issuer: Issuer) -> None:
    ann = Caller("acme", "ann of the fork's route")
    thread, context, store = new_thread(title="A talk"), RequestContext(ann, resources), ThreadStore(resources)
    await store.save_thread(thread, context)
    items = [said(thread.id, "one"), said(thread.id, "two")]
    for item in items:
        await store.add_thread_item(thread.id, item, context)
    app = create_app(Resources(replace(resources.settings, auth_mode="jwt")), streaming=False)
    http = client(app, Authorization=f"Bearer {issuer.token(sub=ann.user_id, tenant_id=ann.tenant_id)}")
    body = {"thread_id": thread.id, "item_id": items[1].id}
    key = {"idempotency-key": "fork-1"}
    answers = [await http.post(FORK, json=body, headers=key) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (await http.post(FORK, json={**body, "item_id": items[0].id}, headers=key)).status_code == 409
    assert (await http.post(FORK, json=body)).json()["thread_id"] != answers[0].json()["thread_id"]
    listed = await store.load_threads(10, None, "desc", context)
    assert len(listed.data) == 3
