"""Both wire formats, through the real openai client and the real Runner, against a scripted provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from agents import ModelSettings, RunConfig, Runner, WebSearchTool, function_tool
from chatkit.types import ThreadMetadata
from openai.types.shared import Reasoning as ReasoningSettings

from assistant.agent.tool_rounds import ToolRounds
from assistant.errors import UnsupportedFeatureError
from assistant.models import build_model
from assistant.settings import Settings
from tests.support.model_runs import compatible_settings, gemini_settings, helper, openai_settings, run_streamed
from tests.support.provider_server import Answer, ProviderServer, Reasoning, Text, ToolCall

pytestmark = pytest.mark.anyio

SettingsFor = Callable[..., Settings]


def openai_on_chat(base_url: str, **more: Any) -> Settings:
    return openai_settings(base_url, openai_api="chat_completions", **more)


BOTH = pytest.mark.parametrize("settings_for", [openai_settings, compatible_settings], ids=["responses", "chat"])
EVERY = pytest.mark.parametrize(
    "settings_for",
    [openai_settings, openai_on_chat, gemini_settings, compatible_settings],
    ids=["openai", "openai on chat", "gemini", "compatible"],
)


@function_tool
def add(left: int, right: int) -> str:
    """Add two numbers."""
    return str(left + right)


@EVERY
async def test_text_arrives_delta_by_delta_with_its_usage(provider: ProviderServer, settings_for: SettingsFor) -> None:
    provider.script(Answer(Text("Good morning to you."), usage=(30, 4)))
    run = await run_streamed(helper(build_model(settings_for(provider.base_url))), "Good morning.")
    assert run.deltas == ["Good", " morning", " to", " you."]
    assert run.total_tokens == 34
    assert run.error is None


@EVERY
async def test_parallel_tool_calls_all_run_and_their_outputs_go_back(
    provider: ProviderServer, settings_for: SettingsFor
) -> None:
    provider.script(
        Answer(ToolCall("add", {"left": 1, "right": 2}), ToolCall("add", {"left": 30, "right": 4})),
        Answer(Text("3 and 34.")),
    )
    run = await run_streamed(helper(build_model(settings_for(provider.base_url)), add), "Add these.")
    assert run.text == "3 and 34."
    second = str(provider.bodies[1])
    assert "'34'" in second
    assert "'3'" in second


@EVERY
async def test_half_a_character_in_a_calls_arguments_ends_nothing(
    provider: ProviderServer, settings_for: SettingsFor
) -> None:
    """Without it the next request cannot be encoded, nor the call stored."""
    heard = []

    @function_tool
    def echo(text: str) -> str:
        """Say it again."""
        heard.append(text)
        return text

    call = Answer(ToolCall("echo", {"text": "a\ud83d b"}))
    provider.script(call, Answer(Text("Done.")), call, Answer(Text("Done.")))
    agent = helper(build_model(settings_for(provider.base_url)), echo)
    run = await run_streamed(agent, "Go on.")
    assert run.error is None
    assert run.text == "Done."
    whole = await Runner.run(agent, "Go on.", run_config=RunConfig(tracing_disabled=True))
    assert whole.final_output == "Done."
    assert heard == ["a\ufffd b"] * 2


@EVERY
async def test_half_a_character_in_a_text_ends_nothing(provider: ProviderServer, settings_for: SettingsFor) -> None:
    """Without it the answer, or the title, could not be stored."""
    provider.script(*[Answer(Text("a\ud83d b"))] * 2)
    agent = helper(build_model(settings_for(provider.base_url)))
    run = await run_streamed(agent, "Go on.")
    assert (run.error, run.text, run.output) == (None, "a\ufffd b", "a\ufffd b")
    whole = await Runner.run(agent, "Go on.", run_config=RunConfig(tracing_disabled=True))
    assert whole.final_output == "a\ufffd b"


@EVERY
async def test_half_a_character_in_a_tools_answer_ends_nothing(
    provider: ProviderServer, settings_for: SettingsFor
) -> None:
    """A tool reads what others have written: without it neither the next request nor the thread can hold it."""

    @function_tool
    def read_note() -> str:
        """Read a note."""
        return "found \ud83d"

    call = Answer(ToolCall("read_note", {}))
    provider.script(call, Answer(Text("Done.")), call, Answer(Text("Done.")))
    agent = helper(build_model(settings_for(provider.base_url)), read_note)
    run = await run_streamed(agent, "Go on.")
    assert (run.error, run.text) == (None, "Done.")
    whole = await Runner.run(agent, "Go on.", run_config=RunConfig(tracing_disabled=True))
    assert ["found \ufffd" in json.dumps(body, ensure_ascii=False) for body in provider.bodies] == [False, True] * 2
    kept = ToolRounds(ThreadMetadata(id="thr_1", created_at=datetime.now(UTC))).take(whole.new_items)
    assert kept is not None
    assert "found \ufffd" in kept.model_dump_json()


@BOTH
async def test_a_gateway_without_usage_is_counted_by_an_estimate(
    provider: ProviderServer, settings_for: SettingsFor
) -> None:
    provider.script(Answer(Text("x" * 400), usage=None))
    run = await run_streamed(helper(build_model(settings_for(provider.base_url))), "y" * 400)
    assert 200 <= run.total_tokens <= 240


@BOTH
async def test_a_whole_response_of_such_a_gateway_is_counted_too(
    provider: ProviderServer, settings_for: SettingsFor
) -> None:
    """Titles and guardrails ask for whole responses, and quotas count them."""
    provider.script(Answer(Text("x" * 400), usage=None))
    agent = helper(build_model(settings_for(provider.base_url)))
    result = await Runner.run(agent, "y" * 400, run_config=RunConfig(tracing_disabled=True))
    assert 200 <= result.context_wrapper.usage.total_tokens <= 300


@BOTH
async def test_a_whole_response_is_had_as_well(provider: ProviderServer, settings_for: SettingsFor) -> None:
    provider.script(Answer(Text("A title")))
    agent = helper(build_model(settings_for(provider.base_url)))
    result = await Runner.run(agent, "Name this.", run_config=RunConfig(tracing_disabled=True))
    assert result.final_output == "A title"
    assert not provider.bodies[0].get("stream")


async def test_reasoning_arrives_as_a_summary_and_goes_back_sealed_when_nothing_is_stored(
    provider: ProviderServer,
) -> None:
    provider.script(Answer(Reasoning("I should add."), ToolCall("add", {"left": 1, "right": 2})), Answer(Text("3.")))
    run = await run_streamed(helper(build_model(openai_settings(provider.base_url)), add), "1 + 2?")
    assert "response.reasoning_summary_text.delta" in run.events
    first, second = provider.bodies
    assert first["store"] is False
    assert "reasoning.encrypted_content" in first["include"]
    sealed = [item for item in second["input"] if item.get("type") == "reasoning"]
    assert [item["encrypted_content"] for item in sealed] == ["sealed"]


async def test_openai_may_store_when_the_deployment_says_so(provider: ProviderServer) -> None:
    await run_streamed(helper(build_model(openai_settings(provider.base_url, openai_store=True))), "Hello")
    assert provider.bodies[0]["store"] is True


async def test_an_older_model_is_not_asked_for_reasoning_and_keeps_its_temperature(provider: ProviderServer) -> None:
    settings = openai_settings(provider.base_url)
    agent = helper(build_model(settings, "gpt-4.1"), model_settings=ModelSettings(temperature=0.2))
    await run_streamed(agent, "Hello")
    assert provider.bodies[0].get("include", []) == []
    assert provider.bodies[0]["temperature"] == 0.2


async def test_a_reasoning_model_is_spared_the_sampling_parameters_that_it_refuses(provider: ProviderServer) -> None:
    agent = helper(build_model(openai_settings(provider.base_url)), model_settings=ModelSettings(temperature=0.2))
    await run_streamed(agent, "Hello")
    assert "temperature" not in provider.bodies[0]


async def test_a_reasoning_model_on_chat_completions_takes_tools_without_reasoning(provider: ProviderServer) -> None:
    settings = ModelSettings(reasoning=ReasoningSettings(effort="high"))
    model = build_model(openai_on_chat(provider.base_url))
    await run_streamed(helper(model, add, model_settings=settings), "Hello")
    await run_streamed(helper(model, model_settings=settings), "Hello")
    assert [body["reasoning_effort"] for body in provider.bodies] == ["none", "high"]
    assert provider.requests[0].path == "/v1/chat/completions"


async def test_other_servers_are_spared_what_only_openai_takes(provider: ProviderServer) -> None:
    settings = ModelSettings(store=True, metadata={"a": "b"}, verbosity="low", prompt_cache_retention="24h")
    agent = helper(build_model(compatible_settings(provider.base_url)), model_settings=settings)
    run = await run_streamed(agent, "Hello")
    assert run.error is None
    assert not {"store", "metadata", "verbosity", "prompt_cache_retention"} & provider.bodies[0].keys()


@pytest.mark.parametrize(("model", "asked"), [("gpt-6-luna", True), ("gpt-4.1", False)])
async def test_a_summary_of_the_reasoning_is_asked_for_where_there_is_any(
    provider: ProviderServer, model: str, asked: bool
) -> None:
    settings = openai_settings(provider.base_url, openai_reasoning_summary="auto", openai_default_model=model)
    await run_streamed(helper(build_model(settings)), "Think.")
    assert provider.bodies[0].get("reasoning") == ({"summary": "auto"} if asked else None)


async def test_a_hosted_tool_elsewhere_than_at_openai_is_refused_by_name(provider: ProviderServer) -> None:
    run = await run_streamed(helper(build_model(gemini_settings(provider.base_url)), WebSearchTool()), "Search.")
    assert isinstance(run.error, UnsupportedFeatureError)
    assert "web_search" in run.error.message
    assert provider.requests == []


@BOTH
async def test_a_second_turn_knows_the_first_also_after_the_history_was_json(
    provider: ProviderServer, settings_for: SettingsFor
) -> None:
    agent = helper(build_model(settings_for(provider.base_url)))
    first = await run_streamed(agent, [{"role": "user", "content": "I am Ada."}])
    history = [{"role": "user", "content": "I am Ada."}, *first.items, {"role": "user", "content": "Who am I?"}]
    second = await run_streamed(agent, history)
    assert "2 things: I am Ada. / Who am I?" in second.text


@BOTH
async def test_a_client_is_shared_by_turns_and_keeps_its_connection(
    provider: ProviderServer, settings_for: SettingsFor
) -> None:
    from assistant.models.clients import client_of

    settings = settings_for(provider.base_url)
    assert await client_of(settings, settings.llm_provider) is await client_of(settings, settings.llm_provider)


FOREIGN_HISTORY: list[Any] = [
    {"role": "user", "content": "Hello"},
    {"type": "reasoning", "id": "rs_demo", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1", "output": "3"},
    {"type": "reasoning", "id": "rs_own", "summary": [], "encrypted_content": "sealed"},
    {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "add", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_2", "output": "4"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}},
    {"role": "assistant", "content": [{"type": "output_text", "text": "It is 3.", "annotations": []}]},
    {"role": "user", "content": "Thanks"},
]


async def test_history_of_another_provider_names_nothing_that_openai_does_not_know(provider: ProviderServer) -> None:
    run = await run_streamed(helper(build_model(openai_settings(provider.base_url)), add), FOREIGN_HISTORY)
    assert run.error is None
    sent = provider.bodies[0]["input"]
    assert [item.get("id") for item in sent if item.get("type") in ("reasoning", "function_call")] == [
        None,
        "rs_own",
        "fc_2",
    ]


async def test_history_of_openai_is_fitted_to_chat_completions(provider: ProviderServer) -> None:
    run = await run_streamed(helper(build_model(gemini_settings(provider.base_url)), add), FOREIGN_HISTORY)
    assert run.error is None
    roles = [message["role"] for message in provider.bodies[0]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "tool", "assistant", "user"]
    assert provider.bodies[0]["messages"][-2]["content"] == "It is 3."
