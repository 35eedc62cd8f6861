"""Users export and erase their own data by routes, if the deployment turns them on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from assistant import audit, clock, quotas
from assistant.api import create_app, create_upload_app, my_data
from assistant.context import Resources
from assistant.identity import Caller
from assistant.observability import user_hash
from assistant.settings import load_settings
from assistant.upkeep import sweep
from tests.support.asgi import Call, client
from tests.support.chatkit_client import ChatKitClient
from tests.support.issuer import AUDIENCE, ISSUER
from tests.support.rows import rows_with

if TYPE_CHECKING:
    from tests.support.aws import Aws
    from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

API = "/chatkit/api"
MINE = f"{API}/my-data"


class Person:
    """A user of a deployment, with clients."""

    def __init__(self, aws: Aws, issuer: Issuer, user: str, **env: str) -> None:
        usual = {"LLM_PROVIDER": "demo", "CHAT_TURN_SECONDS": "300", "USER_DATA_ROUTES": "true"}
        tokens = {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": issuer.url}
        self.resources = Resources(load_settings(aws.environment(**{**usual, **tokens, **env})))
        self.caller = Caller("acme", user)
        self.token = f"Bearer {issuer.token(sub=user, tenant_id='acme')}"
        self.app = create_app(self.resources, streaming=True)
        self.http = client(self.app, authorization=self.token)
        self.upload = client(create_upload_app(self.resources), authorization=self.token)

    async def lived(self) -> ChatKitClient:
        """Do everything that stores data."""
        chat = ChatKitClient(self.http)
        await chat.say(f"add task {self.caller.user_id} feeds the heron")
        sent = await self.upload.post(f"{API}/upload", files={"file": ("heron.txt", b"the heron's file", "text/plain")})
        assert sent.status_code == 200, sent.text
        await chat.say("read it", attachments=[sent.json()["id"]])
        await chat.say("!image")
        return chat

    def left(self) -> list[str]:
        """Return the rows that name the user, except work that is due later."""
        named = rows_with(self.resources, self.caller.user_id)
        return [row for row in named if "SWEEP#" not in row]

    def objects(self) -> list[str]:
        """Return the keys of the objects that name the user."""
        found = self.resources.objects.client.list_objects_v2(Bucket=self.resources.objects.bucket)
        return [each["Key"] for each in found.get("Contents", []) if self.caller.user_id in each["Key"]]


@pytest.fixture
async def ann(aws_environment: Aws, issuer: Issuer, request: pytest.FixtureRequest) -> AsyncIterator[Person]:
    person = Person(aws_environment, issuer, f"ann-{request.node.name}")
    yield person
    await person.http.aclose()
    await person.upload.aclose()


def later(monkeypatch: pytest.MonkeyPatch, wait: timedelta) -> None:
    """Let time pass."""
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + wait)


async def test_without_the_setting_there_are_no_such_routes(aws_environment: Aws, issuer: Issuer) -> None:
    person = Person(aws_environment, issuer, "ann-off", USER_DATA_ROUTES="false")
    await person.lived()
    assert (await person.http.get(MINE)).status_code == 404
    assert (await person.http.post(f"{MINE}/export")).status_code == 404
    assert (await person.http.get(f"{MINE}/export")).status_code == 404
    assert (await person.http.delete(f"{MINE}?confirm=erase")).status_code == 404
    assert person.left()


async def _fetched(person: Person) -> dict[str, Any]:
    """Return the content of all links of the export."""
    links: list[dict[str, str]] = []
    after: str | None = None
    while True:
        answer = await person.http.get(f"{MINE}/export", params={} if after is None else {"after": after})
        assert answer.status_code == 200, answer.text
        links += answer.json()["links"]
        after = answer.json().get("next")
        if after is None:
            break
    async with httpx2.AsyncClient() as web:
        bodies = {link["name"]: await web.get(link["url"]) for link in links}
    assert all(body.status_code == 200 for body in bodies.values())
    assert all(body.headers["content-disposition"].startswith("attachment") for body in bodies.values())
    return {name: body.json() if name.endswith(".json") else body.content for name, body in bodies.items()}


async def test_an_export_has_everything_of_the_user_and_nothing_of_others(
    ann: Person, aws_environment: Aws, issuer: Issuer
) -> None:
    bob = Person(aws_environment, issuer, "bob-not-exported")
    await bob.lived()
    chat = await ann.lived()
    assert (await ann.http.get(f"{MINE}/export")).status_code == 404
    started = await ann.http.post(f"{MINE}/export")
    assert (started.status_code, started.json()["ready"], started.json()["threads"]) == (200, True, 1)
    found = await _fetched(ann)
    thread = found[f"threads/{chat.thread_id}.json"]
    assert {"user_message", "assistant_message", "generated_image"} <= {item["type"] for item in thread["items"]}
    assert [turn for turn in thread["turns"] if turn.get("outcome") == "done"]
    picture = next(item for item in thread["items"] if item["type"] == "generated_image")
    assert picture["image"]["url"].startswith("data:image/png;base64,")
    assert [body for name, body in found.items() if name.startswith("files/")] == [b"the heron's file"]
    account = found["account.json"]
    assert f"{ann.caller.user_id} feeds the heron" in json.dumps(account["records"])
    assert [row for row in account["account"] if row["key"].startswith("Q#D")], "usage"
    assert [entry["action"] for entry in account["audit"]] == ["data.exported"]
    assert "bob-not-exported" not in json.dumps({name: body for name, body in found.items() if name.endswith(".json")})
    shown = (await ann.http.get(MINE)).json()
    assert shown["erasure"] is None
    assert shown["export"]["ready"] is True
    # Nobody else gets the links.
    assert (await bob.http.get(f"{MINE}/export")).status_code == 404
    again = await ann.http.post(f"{MINE}/export")
    assert again.status_code == 429
    assert 0 < int(again.headers["retry-after"]) <= 3600


async def test_an_export_goes_on_in_the_sweep_and_is_forgotten_after_a_day(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.lived()
    chat = ChatKitClient(ann.http)
    await chat.say("another conversation")
    monkeypatch.setattr(my_data, "INLINE_SECONDS", -1.0)
    started = await ann.http.post(f"{MINE}/export")
    assert (started.status_code, started.json()["ready"]) == (202, False)
    assert "links" not in started.json()
    assert (await sweep(ann.resources)).failed == 0
    found = await _fetched(ann)
    assert len([name for name in found if name.startswith("threads/")]) == 2
    assert [key for key in ann.objects() if key.startswith("exports/")]
    later(monkeypatch, timedelta(days=1, minutes=1))
    assert (await ann.http.get(f"{MINE}/export")).status_code == 404
    assert (await sweep(ann.resources)).failed == 0
    assert not [key for key in ann.objects() if key.startswith("exports/")]
    assert not [row for row in ann.left() if "X#export" in row]


async def test_an_erasure_leaves_the_counters_only_and_lets_the_user_start_again_later(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.lived()
    await ann.http.post(f"{MINE}/export")
    for wrong in ("", "?confirm=yes"):
        assert (await ann.http.delete(f"{MINE}{wrong}")).status_code == 400
    assert len(ann.objects()) > 2
    erased = await ann.http.delete(f"{MINE}?confirm=erase")
    assert (erased.status_code, erased.json()) == (200, {"erased": True})
    assert ann.objects() == []
    # Otherwise an erasure would be a way around the limits of the day.
    assert all("Q#" in row or "U#" in row for row in ann.left())
    usage = (await ann.http.get(f"{API}/usage")).json()
    assert usage["turns"] == 3, usage
    assert (await ann.http.get(MINE)).json()["erasure"]["removed_threads"] == 1
    # Until no process of before can still write, nothing new begins.
    chat = ChatKitClient(ann.http)
    message = {"content": [{"type": "input_text", "text": "hi"}], "attachments": [], "inference_options": {}}
    refused = await chat.post("threads.create", input=message)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "being_erased")
    upload = await ann.upload.post(f"{API}/upload", files={"file": ("a.txt", b"a", "text/plain")})
    assert upload.status_code == 409
    assert (await ann.http.post(f"{MINE}/export")).status_code == 409
    later(monkeypatch, timedelta(minutes=21))
    assert (await sweep(ann.resources)).failed == 0
    assert (await ann.http.get(MINE)).json() == {"erasure": None, "export": None}
    assert all("Q#" in row or "U#" in row for row in ann.left())
    assert all("ttl" in row for row in ann.left()), "the counters expire"
    assert await chat.say("hello again")
    trail = [each async for each in audit.entries(ann.resources, "acme", user_id=ann.caller.user_id)]
    (entry,) = [each for each in trail if each["action"] == "user.erased"]
    assert entry["by"] == entry["about"] == user_hash("acme", ann.caller.user_id, ann.resources.settings.user_hash_salt)


async def test_an_erasure_ends_a_running_turn_which_then_writes_nothing(ann: Person) -> None:
    message = {"content": [{"type": "input_text", "text": "!slow 60"}], "attachments": [], "inference_options": {}}
    call = Call(
        "POST",
        API,
        json.dumps({"type": "threads.create", "params": {"input": message}}).encode(),
        {"authorization": ann.token, "content-type": "application/json"},
    )
    running = asyncio.create_task(call.run(ann.app))
    await call.until(lambda: b"text_delta" in call.body)
    erased = await ann.http.delete(f"{MINE}?confirm=erase")
    assert erased.json() == {"erased": True}
    await running
    assert all("Q#" in row or "U#" in row for row in ann.left())


async def test_what_the_request_has_no_time_for_the_sweep_erases(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    await ann.lived()
    monkeypatch.setattr(my_data, "INLINE_SECONDS", -1.0)
    erased = await ann.http.delete(f"{MINE}?confirm=erase")
    assert (erased.status_code, erased.json()) == (202, {"erased": False})
    assert (await ann.http.get(MINE)).json()["erasure"]["removed_threads"] == 0
    assert (await sweep(ann.resources)).failed == 0
    assert ann.objects() == []
    assert all("Q#" in row or "U#" in row for row in ann.left())


async def test_a_users_limits_survive_the_own_erasure(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    await quotas.change_limits(ann.resources, "acme", ann.caller.user_id, {"turns_per_minute": 1})
    await ChatKitClient(ann.http).say("hello")
    await ann.http.delete(f"{MINE}?confirm=erase")
    later(monkeypatch, timedelta(minutes=21))
    await sweep(ann.resources)
    chat = ChatKitClient(ann.http)
    await chat.say("hello")
    message = {"content": [{"type": "input_text", "text": "hi"}], "attachments": [], "inference_options": {}}
    assert (await chat.post("threads.create", input=message)).status_code == 429
