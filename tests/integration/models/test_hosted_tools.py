"""Tools that run at OpenAI: shown as tasks, cited in the answer, and refused plainly elsewhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_formats import Json, events_of
from tests.support.provider_server import Answer, ProviderServer, RawStream, Text
from tests.support.strict_provider import check

pytestmark = pytest.mark.anyio

OpenThread = Callable[..., ChatKitClient]
SEARCH: Json = {
    "id": "ws_1",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "lamps", "sources": [{"type": "url", "url": "https://lamps.example/"}]},
}
TOOLS: list[tuple[Json, str, str]] = [
    (SEARCH, "web_search", "Searching the web"),
    ({"id": "fs_1", "type": "file_search_call", "status": "completed", "queries": ["lamps"]}, "custom", "files"),
    (
        {"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "code": "1", "container_id": "c"},
        "custom",
        "Running code",
    ),
    (
        {"id": "mc_1", "type": "mcp_call", "name": "find", "arguments": "{}", "server_label": "s", "output": "x"},
        "custom",
        "find",
    ),
]
CITATION = {"type": "url_citation", "url": "https://lamps.example/", "title": "Lamps", "start_index": 0, "end_index": 4}


@pytest.fixture
async def open_thread(aws_environment: Aws, provider: ProviderServer) -> AsyncIterator[OpenThread]:
    opened: list[ChatKitClient] = []

    def make(**names: str) -> ChatKitClient:
        agent = {"AGENT_FACTORY": "tests.support.searching_agent:build_agent", "THREAD_TITLES": "false"}
        settings = load_settings(aws_environment.environment(**agent, **names))
        opened.append(ChatKitClient(client(create_app(Resources(settings), streaming=True))))
        return opened[-1]

    yield make
    for each in opened:
        await each.http.aclose()


def with_tool(item: Json) -> RawStream:
    """Return an answer that a hosted tool's call comes before, with a citation."""
    events = [json.loads(json.dumps(event)) for event in events_of(Answer(Text("Four lamps.")), "m")]
    for event in events:
        if "output_index" in event:
            event["output_index"] += 1
        message = event.get("item")
        if event["type"] == "response.output_item.done" and message:
            message["content"][0]["annotations"] = [CITATION]
    begun = {**item, "status": "in_progress"}
    if item["type"] == "web_search_call":
        begun["action"] = {"type": "search", "query": ""}
    events[2:2] = [
        {"type": "response.output_item.added", "output_index": 0, "item": begun, "sequence_number": 2},
        {"type": "response.output_item.done", "output_index": 0, "item": item, "sequence_number": 2},
    ]
    events[-1]["response"]["output"].insert(0, item)
    return RawStream("".join(f"data: {json.dumps(event)}\n\n" for event in events))


@pytest.mark.parametrize(("item", "kind", "title"), TOOLS, ids=[item["type"] for item, *_ in TOOLS])
async def test_a_hosted_tool_is_shown_as_a_task_and_the_thread_goes_on(
    open_thread: OpenThread, provider: ProviderServer, item: Json, kind: str, title: str
) -> None:
    thread = open_thread(LLM_PROVIDER="openai", OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=provider.base_url)
    provider.script(with_tool(item))
    assert await thread.say("Which lamps are there?") == "Four lamps."
    (workflow,) = [each["workflow"] for each in thread.done() if each["type"] == "workflow"]
    (task,) = workflow["tasks"]
    assert (task["type"], task["status_indicator"]) == (kind, "complete")
    assert title in task["title"]
    if kind == "web_search":
        assert (task["queries"], task["sources"][0]["url"]) == (["lamps"], "https://lamps.example/")
    (message,) = [each for each in thread.done() if each["type"] == "assistant_message"]
    (annotation,) = message["content"][0]["annotations"]
    assert annotation["source"]["url"] == "https://lamps.example/"
    assert "Which lamps" in await thread.say("Thanks")
    sent = provider.bodies[-1]["input"]
    (place,) = [place for place, each in enumerate(sent) if each.get("type") == item["type"]]
    assert {**item, **sent[place]} == sent[place]
    assert sent[place + 1]["role"] == "assistant"
    check(provider.bodies[-1])
    assert [event for event in thread.events if event["type"] == "error"] == []


async def test_another_provider_says_that_it_lacks_the_tool(
    open_thread: OpenThread, provider: ProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    thread = open_thread(LLM_PROVIDER="compatible", LLM_BASE_URL=provider.base_url, LLM_DEFAULT_MODEL="m")
    await thread.say("Which lamps are there?")
    (error,) = [event for event in thread.events if event["type"] == "error"]
    assert "cannot use the tool `web_search`" in error["message"]
    assert [record.__dict__["fix"] for record in caplog.records if record.message == "model call failed"] == [
        "The tool `web_search` runs at OpenAI, and the provider is `compatible`. Remove the tool."
    ]
    assert provider.requests == []
