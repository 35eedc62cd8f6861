"""Gemini's bent streams, byte for byte, through the real client and the real Runner: tools run, signatures go back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from agents import function_tool

from assistant.models import build_model
from assistant.models.gemini import UNSIGNED_CALL
from tests.support.model_runs import Run, compatible_settings, gemini_settings, helper, openai_settings, run_streamed
from tests.support.provider_server import Answer, ProviderServer, RawStream, Text, ToolCall

pytestmark = pytest.mark.anyio

STREAMS = Path(__file__).parent / "streams"
SIGNATURE = {"google": {"thought_signature": "EjQKMgEMOdbH"}}
QUESTION = {"role": "user", "content": "1 + 2 and 30 + 4?"}


def stream(name: str) -> RawStream:
    return RawStream((STREAMS / f"{name}.sse").read_text())


@function_tool
def add(left: int, right: int) -> str:
    """Add two numbers."""
    return str(left + right)


async def turn(provider: ProviderServer, name: str) -> Run:
    provider.script(stream(name), stream("gemini_text"))
    run = await run_streamed(helper(build_model(gemini_settings(provider.base_url)), add), [QUESTION])
    assert run.error is None
    return run


def calls_in(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [call for message in body["messages"] for call in message.get("tool_calls") or []]


def outputs_in(body: dict[str, Any]) -> dict[str, str]:
    return {message["tool_call_id"]: message["content"] for message in body["messages"] if message["role"] == "tool"}


@pytest.mark.parametrize(
    "name",
    [
        "gemini_parallel_calls_without_index",
        "gemini_parallel_calls_in_one_delta",
        "parallel_calls_all_of_index_zero",
        "parallel_calls_without_ids",
    ],
)
async def test_two_parallel_calls_both_run_and_the_first_keeps_its_signature(
    provider: ProviderServer, name: str
) -> None:
    run = await turn(provider, name)
    first, second = calls_in(provider.bodies[1])
    assert outputs_in(provider.bodies[1]) == {first["id"]: "3", second["id"]: "34"}
    assert first["extra_content"] == SIGNATURE
    assert "extra_content" not in second
    assert run.text == "The sum is 3 and\u2028 34."


@pytest.mark.parametrize(
    "name",
    [
        "gemini_signature_in_an_entry_of_its_own",
        "gemini_signature_in_a_delta_of_its_own",
        "gemini_signature_ahead_of_its_call",
    ],
)
async def test_a_signature_that_comes_alone_finds_its_call(provider: ProviderServer, name: str) -> None:
    await turn(provider, name)
    (call,) = calls_in(provider.bodies[1])
    assert call["extra_content"] == SIGNATURE
    assert outputs_in(provider.bodies[1]) == {call["id"]: "3"}


async def test_a_signature_goes_back_in_a_later_turn_after_the_items_were_json(provider: ProviderServer) -> None:
    run = await turn(provider, "gemini_parallel_calls_without_index")
    provider.script(stream("gemini_text"))
    later = [QUESTION, *run.items, {"role": "user", "content": "And now?"}]
    await run_streamed(helper(build_model(gemini_settings(provider.base_url)), add), later)
    first, second = calls_in(provider.bodies[2])
    assert first["extra_content"] == SIGNATURE
    assert "extra_content" not in second


async def test_a_signature_survives_a_gateway_that_is_not_google(provider: ProviderServer) -> None:
    provider.script(stream("gemini_parallel_calls_without_index"), stream("gemini_text"))
    model = build_model(compatible_settings(provider.base_url), "google/gemini-3.8-flash")
    await run_streamed(helper(model, add), [QUESTION])
    assert calls_in(provider.bodies[1])[0]["extra_content"] == SIGNATURE


async def test_calls_that_another_model_made_are_marked_so_that_gemini_takes_them(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    other_provider.script(Answer(ToolCall("add", {"left": 1, "right": 2})), Answer(Text("3.")))
    by_openai = await run_streamed(helper(build_model(openai_settings(other_provider.base_url)), add), [QUESTION])
    later = [QUESTION, *by_openai.items, {"role": "user", "content": "And now?"}]
    await run_streamed(helper(build_model(gemini_settings(provider.base_url)), add), later)
    (call,) = calls_in(provider.bodies[0])
    assert call["extra_content"] == {"google": {"thought_signature": UNSIGNED_CALL}}


async def test_geminis_items_are_taken_by_openai_without_what_is_geminis(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    run = await turn(provider, "gemini_parallel_calls_without_index")
    later = [QUESTION, *run.items, {"role": "user", "content": "And now?"}]
    await run_streamed(helper(build_model(openai_settings(other_provider.base_url)), add), later)
    sent = other_provider.bodies[0]["input"]
    assert [item["type"] for item in sent if "type" in item][:4] == [
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
    ]
    assert not any("provider_data" in item or item.get("id") == "__fake_id__" for item in sent)
    assert "EjQKMgEMOdbH" not in str(sent)


async def test_usage_that_comes_with_every_chunk_is_counted_once(provider: ProviderServer) -> None:
    provider.script(stream("gemini_text"))
    run = await run_streamed(helper(build_model(gemini_settings(provider.base_url))), [QUESTION])
    assert run.total_tokens == 109
