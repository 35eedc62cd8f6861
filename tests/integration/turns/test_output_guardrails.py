"""An answer that an output guardrail refuses: removed or never shown, by the setting, and marked in the thread."""

from __future__ import annotations

import json

import pytest

from tests.integration.turns.conftest import ProcessMaker
from tests.support.provider_server import Answer, ProviderServer, Text, ToolCall
from tests.support.turns import creation, text_of

pytestmark = pytest.mark.anyio

AGENT = "tests.support.checked_agent:build_agent"


@pytest.mark.parametrize("mode", ["remove", "hold"])
async def test_a_refused_answer_is_not_in_the_thread_and_a_mark_says_why(
    process: ProcessMaker, provider: ProviderServer, mode: str
) -> None:
    here = process(agent_factory=AGENT, output_guardrails=mode)
    provider.script(Answer(Text("The secret is 42.")))
    client = await here.run(creation("Tell me"))
    thread_id = client.events[0].thread.id  # type: ignore[union-attr]
    shown = "secret" in json.dumps([event.model_dump(mode="json") for event in client.events])
    assert shown == (mode == "remove"), "`hold` shows nothing of it, `remove` shows it first"
    assert "secret" not in client.text
    assert client.error is not None
    assert client.error.message is not None
    assert "did not pass a check" in client.error.message
    stored = await here.shown(thread_id)
    assert text_of(stored) == ""
    assert [item.task.title for item in stored if item.type == "task"] == [
        "This answer was withheld because it did not pass a check."
    ]
    provider.script(Answer(Text("Hello.")))
    assert (await here.say(thread_id, "Hi")).text == "Hello."
    assert "A check refused this answer" in json.dumps(provider.bodies[-1])
    assert "42" not in json.dumps(provider.bodies[-1])


@pytest.mark.parametrize("mode", ["remove", "hold"])
async def test_an_accepted_answer_is_shown_whole_with_the_text_before_its_tools(
    process: ProcessMaker, provider: ProviderServer, mode: str
) -> None:
    here = process(agent_factory=AGENT, output_guardrails=mode)
    provider.script(Answer(Text("I look it up."), ToolCall("look_up", {"what": "lamps"})), Answer(Text("Four lamps.")))
    client = await here.run(creation("How many?"))
    assert client.error is None
    assert client.text == "I look it up.\nFour lamps."
    assert set(client.items) == client.complete
