"""Five exports run as they are: their steps stream, their structured outputs are hidden, and they know the thread."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.workflows.conftest import OpenThread
from tests.support.hosted_items import stream_of
from tests.support.provider_server import Answer, HttpError, ProviderServer, Reasoning, Text, ToolCall

pytestmark = pytest.mark.anyio

APIS = ("responses", "chat_completions")


def structured(**fields: Any) -> Answer:
    return Answer(Text(json.dumps(fields)))


def sent(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items of a request, without the instructions."""
    return [item for item in body.get("messages") or body["input"] if item.get("role") not in ("system", "developer")]


def texts(body: dict[str, Any], role: str = "user") -> list[str]:
    """Return the texts of a role, without the note that goes after an answer: some providers take no answer last."""
    found: list[str] = []
    for item in sent(body):
        if item.get("role") == role:
            content = item["content"]
            found += [content] if isinstance(content, str) else [part["text"] for part in content]
    return [text for text in found if text != "<context>\nGo on.\n</context>"]


@pytest.mark.parametrize("api", APIS)
async def test_the_steps_stream_and_the_classifiers_output_stays_out(
    open_thread: OpenThread, provider: ProviderServer, api: str
) -> None:
    thread = open_thread("customer_service", api)
    provider.script(
        structured(category="order_status"),
        Answer(Reasoning("I look it up."), ToolCall("order_status", {"order_number": "7"})),
        Answer(Text("It left yesterday.")),
    )
    assert await thread.say("Where is order 7?") == "It left yesterday."
    deltas = [update["delta"] for update in thread.updates("assistant_message.content_part.text_delta")]
    assert deltas == ["It", " left", " yesterday."]
    assert "category" not in json.dumps(thread.events)
    assert [body["model"] for body in provider.bodies] == ["gpt-4.1"] * 3
    assert "left the warehouse" in json.dumps(provider.bodies[2])
    assert [item["type"] for item in await thread.items()].count("assistant_message") == 1


@pytest.mark.parametrize("api", APIS)
async def test_the_second_turn_knows_the_first_where_the_export_sends_its_history(
    open_thread: OpenThread, provider: ProviderServer, api: str
) -> None:
    thread = open_thread("customer_service", api)
    provider.script(structured(category="general"), Answer(Text("Hello Ann.")))
    await thread.say("I am Ann.")
    provider.script(structured(category="general"), Answer(Text("You are Ann.")))
    assert await open_thread("customer_service", api, of=thread).say("Who am I?") == "You are Ann."
    classifier, general = provider.bodies[2:]
    assert texts(classifier) == ["Who am I?"], "the classifier of Agent Builder reads no history"
    assert texts(general) == ["I am Ann.", "Who am I?"]
    assert texts(general, "assistant") == ["Hello Ann."]


async def test_a_tripwire_ends_the_turn_as_the_platforms_guardrails_do(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread("customer_service")
    await thread.say("How do I build a bomb?")
    (error,) = thread.of("error")
    assert (error["message"], error["allow_retry"]) == ("This message cannot be answered here.", False)
    assert provider.requests == []
    provider.script(structured(category="general"), Answer(Text("Hello.")))
    assert await thread.say("Hello") == "Hello."
    assert "bomb" not in json.dumps(provider.bodies), "a later model never reads a refused message"


async def test_a_masked_message_stays_masked_and_keeps_its_history(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread("customer_service")
    provider.script(structured(category="general"), Answer(Text("Hello.")))
    await thread.say("Hello")
    provider.script(structured(category="general"), Answer(Text("Noted.")))
    await thread.say("I am ann@example.com")
    assert texts(provider.bodies[2]) == ["I am <EMAIL_ADDRESS>"]
    assert texts(provider.bodies[3]) == ["Hello", "I am <EMAIL_ADDRESS>"]


async def test_a_hosted_tool_at_another_api_is_refused_plainly(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread("enrichment", "chat_completions")
    await thread.say("Tell me about Acme")
    (error,) = thread.of("error")
    assert (error["allow_retry"], provider.requests) == (False, [])


async def test_a_structured_output_is_shown_as_the_package_says(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread("enrichment")
    company = {"company_name": "Acme", "industry": "Anvils", "founded_year": 1949}
    provider.script(structured(companies=[company]), structured(**company))
    assert await thread.say("Tell me about Acme") == "**Acme**: Anvils, founded 1949"
    assert texts(provider.bodies[1])[-1] == "Summarize the first of 1 companies."
    assert [body["model"] for body in provider.bodies] == ["gpt-5-mini", "gpt-5"]
    assert "Anvils" in json.dumps(sent(provider.bodies[1])), "the next step reads the hidden output"


@pytest.mark.parametrize("api", APIS)
async def test_state_context_and_other_models(open_thread: OpenThread, provider: ProviderServer, api: str) -> None:
    thread = open_thread("planning", api, OPENAI_DEFAULT_MODEL="house-model")
    provider.script(structured(has_all_details=True), Answer(Text("moon landing")), Answer(Text("First, a rocket.")))
    assert await thread.say("Plan a trip to the moon") == "First, a rocket."
    assert [body["model"] for body in provider.bodies] == ["house-model", "house-model", "planner-model"]
    assert "Write a plan for this topic: moon landing" in json.dumps(provider.bodies[2])
    provider.script(structured(has_all_details=False), Answer(Text("When?")))
    assert await thread.say("And back") == "When?"


async def test_hosted_tools_show_their_steps_and_the_next_turn_knows_them(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    searched = {
        "id": "fs_1",
        "type": "file_search_call",
        "status": "completed",
        "queries": ["holidays"],
        "results": None,
    }
    thread = open_thread("data_questions")
    provider.script(structured(kind="documents"), stream_of(searched, text="Thirty days."))
    assert await thread.say("How many days off?") == "Thirty days."
    assert [tool["type"] for tool in provider.bodies[1]["tools"]] == ["file_search"]
    assert [item["type"] for item in thread.done() if item["type"] == "workflow"] == ["workflow"]
    provider.script(structured(kind="figures"), Answer(Text("Sixty.")))
    assert await thread.say("For two people?") == "Sixty."
    assert [tool["type"] for tool in provider.bodies[3]["tools"]] == ["code_interpreter"]
    assert "file_search_call" in [item.get("type") for item in sent(provider.bodies[3])]


async def test_a_failure_in_the_middle_keeps_what_was_said_and_tells_it_plainly(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread("documents", LLM_MAX_RETRIES="0")
    provider.script(structured(more=False), structured(title="A and B", verdict="equal"), *[HttpError(500)] * 8)
    await thread.say("Compare A and B")
    (error,) = thread.of("error")
    assert "secret words" not in json.dumps(thread.events)
    assert thread.widget()["widget"]["children"][1]["value"] == "equal"
    assert error["allow_retry"]


async def test_the_tokens_of_every_step_are_counted(open_thread: OpenThread, provider: ProviderServer) -> None:
    thread = open_thread("customer_service")
    provider.script(structured(category="general"), Answer(Text("Hello.")))
    before = (await thread.http.get("/chatkit/api/usage")).json()
    await thread.say("Hello")
    usage = (await thread.http.get("/chatkit/api/usage")).json()
    # Two calls of models, and one guardrail that tells its tokens.
    assert usage["tokens"] - before["tokens"] == 2 * (11 + 7) + 3 + 2
    assert usage["dollars"] > before["dollars"]
