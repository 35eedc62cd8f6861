"""What the model gets to see of earlier turns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assistant.agent.conversion import ItemConverter
from assistant.errors import MessageTooLongError
from assistant.settings import Secret
from assistant.threads.snapshot import SNAPSHOT_ITEMS, TOKENS_AN_ITEM
from tests.integration.turns.conftest import ProcessMaker
from tests.support import desk
from tests.support.provider_server import Answer, ProviderServer, RawStream, Reasoning, Text, ToolCall
from tests.support.turns import addition, retry

pytestmark = pytest.mark.anyio


async def test_the_tool_calls_of_earlier_turns_and_their_results_are_in_the_history(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    for api in ("chat_completions", "responses"):
        provider.reset()
        provider.script(
            Answer(Reasoning("hm"), ToolCall("look_up", {"what": "one"}), ToolCall("look_up", {"what": "two"})),
            Answer(Text("found both")),
        )
        here = process(api)
        thread_id = await here.create("hello")
        await here.say(thread_id, "and now?")
        await here.say(thread_id, "and later?")
        assert _roles(provider.bodies[-1]) == [
            "user", "call look_up", "call look_up", "found one", "found two", "assistant", "user", "assistant", "user",
        ]  # fmt: skip
        assert "tool_round" not in json.dumps([item.model_dump(mode="json") for item in await here.shown(thread_id)])


async def test_the_oldest_turns_are_left_out_whole_when_the_budget_is_used(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process(history_max_tokens=120)
    filler = "x" * 100
    thread_id = await here.create(f"question 0 {filler}")
    for number in range(1, 5):
        provider.script(Answer(ToolCall("look_up", {"what": str(number)})), Answer(Text(f"answer {number}")))
        await here.say(thread_id, f"question {number} {filler}")
    provider.script(Answer(Text("the last")))
    await here.say(thread_id, "question 5")
    messages = provider.bodies[-1]["messages"]
    assert messages[0]["role"] == "system"
    assert messages[1]["role"] == "user", "it is cut at the border of a turn"
    assert "question 4" in str(messages)
    assert "question 1" not in str(messages)
    assert sum(len(str(each.get("content"))) for each in messages[1:]) < 120 * 4 + 100


async def test_a_larger_budget_reads_more_of_a_long_thread(process: ProcessMaker, provider: ProviderServer) -> None:
    here = process()
    thread_id = await here.create("question 0")
    for number in range(1, 29):
        provider.script(Answer(Text(f"answer {number}")))
        await here.say(thread_id, f"question {number}")
    # What is read at once is in proportion to the budget, so that a turn costs the same in a thread of any length.
    assert len(asked_in(provider)) - SNAPSHOT_ITEMS // 2 in (0, 1)
    richer = process(history_max_tokens=60 * TOKENS_AN_ITEM)
    await richer.say(thread_id, "question 29")
    assert len(asked_in(provider)) == 30


def asked_in(provider: ProviderServer) -> list[object]:
    """Return the user's messages that the model was shown last."""
    return [each for each in provider.bodies[-1]["messages"] if each["role"] == "user"]


async def test_a_message_as_large_as_the_budget_is_answered_without_the_earlier_ones(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process(history_max_tokens=80)
    thread_id = await here.create("hello")
    with pytest.raises(MessageTooLongError, match="320 characters"):
        await here.say(thread_id, "a long question " * 20 + "!")
    await here.say(thread_id, "a long question " * 20)
    assert len(provider.bodies[-1]["messages"]) == 2


async def test_what_is_not_the_users_words_is_marked_as_context(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(
        Answer(ToolCall("note", {"text": "one"})),
        Answer(ToolCall("show_card", {"text": "a card"})),
        Answer(Text("there it is")),
    )
    here = process()
    thread_id = await here.create("hello")
    request = addition(thread_id, "<context> is a word of mine too")
    request.params.input.quoted_text = "a quote"
    await here.run(request)
    marked = [
        str(part["text"])
        for each in provider.bodies[-1]["messages"]
        if each["role"] == "user"
        for part in each["content"]
    ]
    assert marked[0] == "hello"
    assert "Noting one" in marked[1]
    assert "a card" in marked[2]
    assert "a quote" in marked[4]
    for each in (*marked[1:3], marked[4]):
        assert each.startswith("<context>\n")
        assert each.endswith("\n</context>")
    assert marked[3] == "<context> is a word of mine too"


async def test_the_demo_model_counts_the_users_messages_alone(process: ProcessMaker) -> None:
    here = process(api=None, agent_factory=desk.FACTORY)
    thread_id = await here.create("list my tasks")
    client = await here.say(thread_id, "hello")
    assert "I have seen 2 messages of yours" in client.text


async def test_a_signature_of_geminis_goes_back_in_a_later_turn(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "look_up", "arguments": '{"what": "it"}'},
        "extra_content": {"google": {"thought_signature": "SIGNED"}},
    }
    chunks = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}}], "model": "gemini"},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "model": "gemini"},
    ]
    body = "".join(
        f"data: {json.dumps({'object': 'chat.completion.chunk', 'created': 1, **each})}\n\n" for each in chunks
    )
    provider.script(RawStream(body + "data: [DONE]\n\n"), Answer(Text("found")))
    here = process(
        api=None, llm_provider="gemini", gemini_api_key=Secret(value="g-test"), gemini_base_url=provider.base_url
    )
    thread_id = await here.create("hello")
    await here.say(thread_id, "and now?")
    await here.say(thread_id, "and later?")
    for sent in provider.bodies[1:]:
        (replayed,) = [each for message in sent["messages"] for each in message.get("tool_calls") or []]
        assert replayed["extra_content"]["google"]["thought_signature"] == "SIGNED"


async def test_a_history_of_one_provider_is_good_for_another(process: ProcessMaker, provider: ProviderServer) -> None:
    provider.script(Answer(ToolCall("look_up", {"what": "it"})), Answer(Text("found")))
    on_chat = process("chat_completions")
    thread_id = await on_chat.create("hello")
    provider.script(Answer(Reasoning("hm"), ToolCall("look_up", {"what": "more"})), Answer(Text("found")))
    await process("responses").say(thread_id, "more")
    assert "provider_data" not in json.dumps(provider.bodies[-1])
    assert "__fake_id__" not in json.dumps(provider.bodies[-1])
    await on_chat.say(thread_id, "and now?")
    assert _roles(provider.bodies[-1]).count("call look_up") == 2


async def test_a_retry_sees_what_came_before_its_message_and_nothing_of_the_old_answer(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await here.create("hello")
    provider.script(Answer(ToolCall("look_up", {"what": "it"})), Answer(Text("the old answer")))
    await here.say(thread_id, "and now?")
    await here.run(retry(thread_id, (await here.user_message(thread_id)).id))
    assert _roles(provider.bodies[-1]) == ["user", "assistant", "user"]


async def test_a_hidden_note_is_context_and_every_item_has_a_form(process: ProcessMaker) -> None:
    here = process(api=None, agent_factory=desk.FACTORY)
    thread_id = await here.create("!think about it")
    items = await here.stored(thread_id)
    given = await ItemConverter(here.context()).to_agent_input(items)
    assert [each.get("role") for each in given] == ["user", "assistant"]


def _roles(body: dict[str, Any]) -> list[str]:
    """Return a request's history in short: roles, calls by their tools' names, and the calls' outputs."""
    if "input" in body:
        return [
            f"call {each['name']}" if each.get("type") == "function_call" else each.get("output") or each["role"]
            for each in body["input"]
            if each.get("type") != "reasoning"
        ]
    short: list[str] = []
    for each in body["messages"][1:]:
        calls = [f"call {call['function']['name']}" for call in each.get("tool_calls") or []]
        short += calls or [each["content"] if each["role"] == "tool" else each["role"]]
    return short
