"""The operations that answer at once."""

from __future__ import annotations

import base64
import hashlib

import httpx2
import pytest

from assistant.context import Resources
from assistant.settings import Secret
from tests.integration.protocol.conftest import NewThread

pytestmark = pytest.mark.anyio

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.mark.shows("threads.get_by_id", "items.list", "threads.list")
async def test_a_thread_opens_at_its_newest_items_and_pages_lead_to_older_items(new_thread: NewThread) -> None:
    thread = new_thread()
    for number in range(12):
        await thread.say(f"!say answer {number}")
    opened = (await thread.post("threads.get_by_id", thread_id=thread.thread_id)).json()
    assert opened["items"]["data"][-1]["content"][0]["text"] == "answer 11"
    assert (len(opened["items"]["data"]), opened["items"]["has_more"]) == (20, True)
    older = (
        await thread.post("items.list", thread_id=thread.thread_id, order="desc", after=opened["items"]["after"])
    ).json()
    assert [item["content"][0]["text"] for item in older["data"]][-2:] == ["answer 0", "!say answer 0"]
    assert older["has_more"] is False
    listed = (await thread.post("threads.list", limit=1)).json()
    assert listed["data"][0]["id"] == thread.thread_id


@pytest.mark.shows("threads.update", "threads.delete")
async def test_a_thread_is_renamed_and_deleted(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("Hello there")
    renamed = await thread.post("threads.update", thread_id=thread.thread_id, title="Mine")
    assert renamed.json()["title"] == "Mine"
    await thread.say("Hello again")
    read = await thread.post("threads.get_by_id", thread_id=thread.thread_id)
    assert read.json()["title"] == "Mine"
    await thread.post("threads.delete", thread_id=thread.thread_id)
    assert (await thread.post("threads.get_by_id", thread_id=thread.thread_id)).status_code == 404


@pytest.mark.shows("items.feedback")
async def test_feedback_is_stored_with_its_item_and_can_be_changed(new_thread: NewThread, resources: Resources) -> None:
    thread = new_thread()
    await thread.say("Hello there")
    answer = thread.item("assistant_message")
    given = []
    for kind in ("positive", "negative"):
        response = await thread.post("items.feedback", thread_id=thread.thread_id, item_ids=[answer["id"]], kind=kind)
        assert response.json() == {}
        rows = resources.table.client.scan(TableName=resources.settings.table_name)["Items"]
        given += [row["feedback"]["S"] for row in rows if row.get("id", {}).get("S") == answer["id"]]
    assert given == ["positive", "negative"]


@pytest.mark.shows("attachments.create", "attachments.delete")
async def test_a_file_can_be_registered_uploaded_sent_and_deleted(new_thread: NewThread) -> None:
    thread = new_thread()
    created = []
    for name in ("sent.png", "unsent.png"):
        answer = await thread.post("attachments.create", name=name, size=len(PNG), mime_type="image/png")
        created.append(answer.json())
    descriptor = created[0]["upload_descriptor"]
    async with httpx2.AsyncClient() as http:
        put = await http.request(descriptor["method"], descriptor["url"], content=PNG, headers=descriptor["headers"])
    assert put.status_code == 200
    content = [{"type": "input_text", "text": "What is it?"}]
    given = {"content": content, "attachments": [created[0]["id"]], "inference_options": {}}
    await thread.stream("threads.create", input=given)
    assert "1 file(s)" in thread.said()
    (sent,) = thread.item("user_message")["attachments"]
    async with httpx2.AsyncClient() as http:
        shown = await http.get(sent["preview_url"])
    assert hashlib.sha256(shown.content).digest() == hashlib.sha256(PNG).digest()
    assert (await thread.post("attachments.delete", attachment_id=created[1]["id"])).json() == {}
    assert (await thread.post("attachments.delete", attachment_id=created[1]["id"])).status_code == 404


@pytest.mark.shows("input.transcribe")
async def test_dictation_becomes_text(new_thread: NewThread) -> None:
    audio = base64.b64encode(b"\x1aE\xdf\xa3 some audio").decode()
    answer = await new_thread().post("input.transcribe", audio_base64=audio, mime_type="audio/webm;codecs=opus")
    assert "15 bytes of audio/webm" in answer.json()["text"]


@pytest.mark.parametrize("audio", ["é", "a", "a b="])
async def test_audio_that_is_no_base64_is_refused(new_thread: NewThread, audio: str) -> None:
    answer = await new_thread().post("input.transcribe", audio_base64=audio, mime_type="audio/webm")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("title", ["", " \n", "a\x00b", "x" * 501])
async def test_a_title_that_is_no_line_is_refused(new_thread: NewThread, title: str) -> None:
    thread = new_thread()
    await thread.say("!say Hello.")
    refused = await thread.post("threads.update", thread_id=thread.thread_id, title=title)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("settings", [{"llm_provider": "gemini", "gemini_api_key": Secret(value="test")}])
async def test_a_provider_without_an_audio_api_says_so(new_thread: NewThread) -> None:
    audio = base64.b64encode(b"\x1aE\xdf\xa3 some audio").decode()
    answer = await new_thread().post("input.transcribe", audio_base64=audio, mime_type="audio/webm")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_feature")
    assert "does not support dictation" in answer.json()["error"]["message"]


@pytest.mark.shows("hidden_context_item", "sdk_hidden_context")
async def test_hidden_context_is_stored_and_no_client_gets_it(
    new_thread: NewThread, resources: Resources, seen: set[str]
) -> None:
    thread = new_thread()
    await thread.say("Who is employee 7?")
    await thread.say("!fail 3")
    assert thread.thread_id is not None
    rows = resources.table.client.scan(TableName=resources.settings.table_name)["Items"]
    seen |= {row["type"]["S"] for row in rows if "hidden" in row and thread.thread_id in row["pk"]["S"]}
    shown = {item["type"] for item in await thread.items()}
    opened = (await thread.post("threads.get_by_id", thread_id=thread.thread_id)).json()
    shown |= {item["type"] for item in opened["items"]["data"]}
    assert shown == {"user_message", "assistant_message", "workflow", "task"}
