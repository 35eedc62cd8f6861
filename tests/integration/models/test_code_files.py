"""Files and pictures of OpenAI's code interpreter: kept in the bucket, linked in the answer, gone with the thread."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from chatkit.types import Annotation, AssistantMessageContent, AssistantMessageItem, URLSource

from assistant.api import create_app
from assistant.context import Resources
from assistant.files import object_keys
from assistant.ids import uuid7
from assistant.models import container_files
from assistant.settings import Settings, load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.files import PNG
from tests.support.hosted_items import stream_of
from tests.support.provider_formats import Json
from tests.support.provider_server import HttpError, NoAnswer, ProviderServer, RawBody

pytestmark = pytest.mark.anyio

RAN: Json = {
    "id": "ci_1",
    "type": "code_interpreter_call",
    "status": "completed",
    "code": "save()",
    "container_id": "cntr_1",
    "outputs": [{"type": "logs", "logs": "saved"}],
}


def cited(filename: str) -> Json:
    return {
        "type": "container_file_citation",
        "container_id": "cntr_1",
        "file_id": f"cfile_{filename.partition('.')[0]}",
        "filename": filename,
        "start_index": 0,
        "end_index": 4,
    }


def body_of(content: bytes) -> RawBody:
    return RawBody(content, "application/octet-stream")


@pytest.fixture
def resources(aws_environment: Aws, provider: ProviderServer) -> Resources:
    settings: Settings = load_settings(
        aws_environment.environment(
            AGENT_FACTORY="tests.support.coding_agent:build_agent",
            THREAD_TITLES="false",
            LLM_PROVIDER="openai",
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=provider.base_url,
        )
    )
    return Resources(settings)


@pytest.fixture
async def thread(resources: Resources) -> AsyncIterator[ChatKitClient]:
    opened = ChatKitClient(client(create_app(resources, streaming=True)))
    yield opened
    await opened.http.aclose()


def message_of(items: list[Any]) -> Any:
    (message,) = [item for item in items if item["type"] == "assistant_message"]
    return message


async def read(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient() as browser:
        return await browser.get(url)


async def test_a_cited_file_opens_by_a_link_that_is_signed_for_each_read_and_goes_with_the_thread(
    thread: ChatKitClient, provider: ProviderServer
) -> None:
    provider.script(stream_of(RAN, text="Here it is.", annotations=[cited("sums.csv")]), body_of(b"a,b\n1,2\n"))
    assert await thread.say("Sum it up") == "Here it is."
    assert provider.requests[-1].path == "/v1/containers/cntr_1/files/cfile_sums/content"
    assert [event for event in thread.events if event["type"] in ("error", "notice")] == []
    urls = []
    for message in (message_of(thread.done()), message_of(await thread.items())):
        (annotation,) = message["content"][0]["annotations"]
        assert (annotation["source"]["title"], annotation["index"]) == ("sums.csv", 4)
        urls.append(annotation["source"]["url"])
    for url in urls:
        file = await read(url)
        assert (file.status_code, file.content) == (200, b"a,b\n1,2\n")
        assert 'attachment; filename="sums.csv"' in file.headers["content-disposition"]
    assert (await thread.post("threads.delete", thread_id=thread.thread_id)).status_code == 200
    assert (await read(urls[0])).status_code == 404


def test_a_message_that_is_removed_names_its_files() -> None:
    stored = uuid7()
    link = Annotation(source=URLSource(url=f"file:{stored}", title="sums.csv"))
    other = Annotation(source=URLSource(url="https://elsewhere.example/", title="Elsewhere"))
    message = AssistantMessageItem(
        id="msg_1",
        thread_id="thr_1",
        created_at=datetime.now(UTC),
        content=[AssistantMessageContent(text="Here it is.", annotations=[link, other])],
    )
    assert object_keys(message, "prefix/") == [f"prefix/{stored}"]


async def test_a_cited_picture_is_shown_in_the_thread(thread: ChatKitClient, provider: ProviderServer) -> None:
    provider.script(stream_of(RAN, text="Here it is.", annotations=[cited("plot.png")]), body_of(PNG))
    await thread.say("Plot it")
    for items in (thread.done(), await thread.items()):
        (picture,) = [item for item in items if item["type"] == "generated_image"]
        assert (await read(picture["image"]["url"])).content == PNG


async def test_a_picture_that_code_displays_is_shown_once_and_is_not_stored_as_base64(
    thread: ChatKitClient, provider: ProviderServer
) -> None:
    drawn = {"type": "image", "url": f"data:image/png;base64,{b64encode(PNG).decode()}"}
    ran = {**RAN, "outputs": [*RAN["outputs"], drawn]}
    provider.script(stream_of(ran, text="Here it is.", annotations=[cited("plot.png")]), body_of(PNG))
    await thread.say("Plot it")
    (picture,) = [item for item in await thread.items() if item["type"] == "generated_image"]
    assert (await read(picture["image"]["url"])).content == PNG
    await thread.say("Thanks")
    (replayed,) = [item for item in provider.bodies[-1]["input"] if item.get("type") == "code_interpreter_call"]
    assert replayed["outputs"] == RAN["outputs"]


@pytest.mark.parametrize("url", ["http://elsewhere.example/plot.png", "data:image/png;base64,AAAA"])
async def test_a_picture_that_cannot_be_kept_is_said(thread: ChatKitClient, provider: ProviderServer, url: str) -> None:
    provider.script(stream_of({**RAN, "outputs": [{"type": "image", "url": url}]}, text="Here it is."))
    assert await thread.say("Plot it") == "Here it is."
    (notice,) = [event for event in thread.events if event["type"] == "notice"]
    assert notice["message"] == "A picture could not be fetched. Please ask for it again."


@pytest.mark.parametrize("reply", [HttpError(404), body_of(b"x" * 200)], ids=["refused", "too large"])
async def test_a_file_that_cannot_be_fetched_is_said_and_the_answer_stays(
    thread: ChatKitClient, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, reply: Any
) -> None:
    monkeypatch.setattr(container_files, "MAX_CONTAINER_FILE_BYTES", 100)
    provider.script(stream_of(RAN, text="Here it is.", annotations=[cited("sums.csv")]), reply)
    assert await thread.say("Sum it up") == "Here it is."
    (notice,) = [event for event in thread.events if event["type"] == "notice"]
    assert notice["message"] == "The file 'sums.csv' could not be fetched. Please ask for it again."
    assert [event for event in thread.events if event["type"] == "error"] == []
    (annotation,) = message_of(await thread.items())["content"][0]["annotations"]
    assert annotation["source"] == {**annotation["source"], "type": "file", "filename": "sums.csv"}


async def test_a_file_that_takes_too_long_is_said(
    thread: ChatKitClient, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_files, "FETCH_SECONDS", 0.2)
    provider.script(stream_of(RAN, text="Here it is.", annotations=[cited("sums.csv")]), NoAnswer())
    assert await thread.say("Sum it up") == "Here it is."
    assert [event["level"] for event in thread.events if event["type"] == "notice"] == ["warning"]
