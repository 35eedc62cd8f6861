"""A thread survives whatever a model or a file put into it: whole turns on providers that refuse as strictly as any."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.demo.image import png
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.documents import DOCX, PDF, docx, pdf
from tests.support.provider_formats import Json, Reasoning, Refusal
from tests.support.provider_server import Answer, HttpError, ProviderServer, Reply, Text, ToolCall
from tests.support.strict_provider import Refused, check

pytestmark = pytest.mark.anyio

RESPONSES = {"LLM_PROVIDER": "openai", "OPENAI_API_KEY": "sk-test"}
CHAT = {**RESPONSES, "OPENAI_API": "chat_completions"}
BOTH = pytest.mark.parametrize("names", [RESPONSES, CHAT], ids=["responses", "chat"])
OpenThread = Callable[..., ChatKitClient]
REFUSED = HttpError(400, "invalid_request_error")
LOST = "The model did not accept a picture. The answer was written without it."
READ = "The model read only the text of '{}'."


@pytest.fixture
async def open_thread(aws_environment: Aws, provider: ProviderServer) -> AsyncIterator[OpenThread]:
    opened: list[ChatKitClient] = []

    def make(**names: str) -> ChatKitClient:
        environment = aws_environment.environment(
            OPENAI_BASE_URL=provider.base_url,
            **{"AGENT_FACTORY": "tests.support.turn_agents:build_agent", "THREAD_TITLES": "false", **names},
        )
        opened.append(ChatKitClient(client(create_app(Resources(load_settings(environment)), streaming=True))))
        return opened[-1]

    yield make
    for each in opened:
        await each.http.aclose()


def strictly(reply: Reply, *refuse: str) -> Callable[[Json], Reply]:
    """Return a reply for a valid request. An invalid one, or one with such a part, is refused."""

    def answer(body: Json) -> Reply:
        try:
            check(body)
        except Refused as error:
            return HttpError(400, message=str(error))
        return REFUSED if any(part in json.dumps(body) for part in refuse) else reply

    return answer


def text_only(reply: Reply) -> Callable[[Json], Reply]:
    """Return a reply of a server that takes text parts only."""
    return strictly(reply, '"input_image"', '"input_file"', '"image_url"', '"type": "file"')


def errors(thread: ChatKitClient) -> list[Any]:
    return [event for event in thread.events if event["type"] == "error"]


def notices(thread: ChatKitClient) -> list[str]:
    return [event["message"] for event in thread.events if event["type"] == "notice"]


@BOTH
@pytest.mark.parametrize("arguments", ['{"what": "buy mi', "[]", '"x"', "7"])
async def test_a_call_whose_arguments_are_no_object_leaves_the_thread_alive(
    open_thread: OpenThread, provider: ProviderServer, names: dict[str, str], arguments: str
) -> None:
    thread = open_thread(**names)
    provider.script(Answer(ToolCall("look_up", raw=arguments)), strictly(Answer(Text("Sorry."))))
    assert "Sorry." in await thread.say("Look it up")
    provider.script(strictly(Answer(Text("Hello."))))
    assert "Hello." in await thread.say("Hi")
    assert errors(thread) == []


@BOTH
async def test_a_turn_that_ends_with_a_tools_result_is_followed_by_any_message(
    open_thread: OpenThread, provider: ProviderServer, names: dict[str, str]
) -> None:
    thread = open_thread(**names)
    provider.script(Answer(ToolCall("show_card", {"text": "Milk"})), HttpError(401))
    await thread.say("Show it")
    provider.script(strictly(Answer(Text("Hello."))))
    assert "Hello." in await thread.say("Hi")
    assert errors(thread) == []


@BOTH
async def test_a_failed_turn_is_followed_by_any_message(
    open_thread: OpenThread, provider: ProviderServer, names: dict[str, str]
) -> None:
    thread = open_thread(**names)
    provider.script(HttpError(401))
    await thread.say("Hello")
    provider.script(strictly(Answer(Text("Welcome."))))
    assert "Welcome." in await thread.say("Are you there?")


@BOTH
async def test_a_refusal_is_an_answer(open_thread: OpenThread, provider: ProviderServer, names: dict[str, str]) -> None:
    thread = open_thread(**names)
    provider.script(Answer(Refusal("I cannot help with that.")))
    assert await thread.say("Do harm") == "I cannot help with that."
    deltas = [event["update"]["delta"] for event in thread.events if "delta" in event.get("update", {})]
    assert "".join(deltas) == "I cannot help with that."
    assert errors(thread) == []
    provider.script(strictly(Answer(Text("Hello."))))
    assert "Hello." in await thread.say("Hi")
    assert "I cannot help with that." in json.dumps(provider.bodies[-1])


async def test_a_workflow_is_finished_when_the_model_says_nothing_after_it(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread(**RESPONSES)
    provider.script(*[Answer(Reasoning("Hm, let me see."))] * 9)
    await thread.say("Think")
    begun = {event["item"]["id"] for event in thread.events if event["type"] == "thread.item.added"}
    removed = {event["item_id"] for event in thread.events if event["type"] == "thread.item.removed"}
    assert begun <= removed | {item["id"] for item in thread.done()}


@BOTH
@pytest.mark.parametrize("name", ["find_tasks", ""])
async def test_a_call_of_a_tool_that_does_not_exist_is_told_which_there_are(
    open_thread: OpenThread, provider: ProviderServer, names: dict[str, str], name: str
) -> None:
    thread = open_thread(**names)
    provider.script(Answer(ToolCall(name)), strictly(Answer(Text("I looked."))))
    assert "I looked." in await thread.say("Find my tasks")
    assert "Use one of these tools: look_up, note" in json.dumps(provider.bodies[-1])
    provider.script(strictly(Answer(Text("Hello."))))
    assert "Hello." in await thread.say("Hi")
    assert errors(thread) == []


@BOTH
@pytest.mark.parametrize(
    ("name", "kind", "body", "told", "sent"),
    [
        ("cat.png", "image/png", base64.b64decode(png("blue")), LOST, "the model cannot read it"),
        ("junk.png", "image/png", b"\x89PNG\r\n\x1a\njunk", LOST, "the model cannot read it"),
        ("offer.pdf", PDF, pdf("Four lamps"), READ.format("offer.pdf"), "Four lamps"),
        ("offer.docx", DOCX, docx("Five lamps"), READ.format("offer.docx"), "Five lamps"),
    ],
)
async def test_a_file_that_is_refused_is_left_out_and_the_user_is_told(
    open_thread: OpenThread,
    provider: ProviderServer,
    names: dict[str, str],
    name: str,
    kind: str,
    body: bytes,
    told: str,
    sent: str,
) -> None:
    thread = open_thread(**names)
    attachment = await thread.upload(name, kind, body)
    provider.script(text_only(Answer(Text("never"))), text_only(Answer(Text("I read it."))))
    assert "I read it." in await thread.say("What is this?", attachments=[attachment])
    assert notices(thread) == [told]
    assert sent in json.dumps(provider.bodies[-1])
    asked = len(provider.bodies)
    provider.script(text_only(Answer(Text("Hi."))))
    assert "Hi." in await thread.say("Just say hi")
    assert len(provider.bodies) == asked + 1, "the thread remembers, so no request is refused again"
    assert (errors(thread), notices(thread)) == ([], [])


async def test_a_refused_history_of_calls_is_sent_as_text(open_thread: OpenThread, provider: ProviderServer) -> None:
    thread = open_thread(**CHAT)
    refuses_calls = '"tool_calls"'
    provider.script(Answer(ToolCall("look_up", {"what": "lamps"})))
    provider.script(strictly(Answer(), refuses_calls), strictly(Answer(Text("Found."))))
    assert "Found." in await thread.say("Look it up")
    assert "The tool look_up ran with" in json.dumps(provider.bodies[-1])
    assert "found lamps" in json.dumps(provider.bodies[-1])
    provider.script(strictly(Answer(Text("Hi.")), refuses_calls))
    assert "Hi." in await thread.say("Just say hi")


async def test_an_agent_is_answered_by_the_model_that_it_names(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread(
        **RESPONSES, OPENAI_DEFAULT_MODEL="large-model", AGENT_FACTORY="tests.support.named_model_agent:build_agent"
    )
    provider.script(Answer(ToolCall("transfer_to_specialist")), Answer(Text("I know.")))
    assert "I know." in await thread.say("Do you know?")
    assert [body["model"] for body in provider.bodies] == ["small-model", "large-model"]


async def test_a_request_that_is_refused_for_another_reason_is_an_error(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread(**CHAT)
    provider.script(*[REFUSED] * 5)
    await thread.say("Hello")
    assert [error["allow_retry"] for error in errors(thread)] == [False]
    assert notices(thread) == []
