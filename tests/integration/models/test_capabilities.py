"""Servers that accept less than OpenAI: what is sent to them by the table, by a setting and after a refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agents import ModelSettings, function_tool

from assistant.errors import ModelRefusedRequestError
from assistant.models import build_model
from tests.support.model_runs import Run, compatible_settings, helper, openai_settings, run_streamed
from tests.support.provider_formats import Json
from tests.support.provider_server import Answer, HttpError, ProviderServer, RawStream, Reply, Text, ToolCall

pytestmark = pytest.mark.anyio

FINE = Answer(Text("All is well."))
PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
PARTS = [{"role": "user", "content": [{"type": "input_text", "text": "Look"}, {"type": "input_text", "text": "here"}]}]


@function_tool
def add_task(title: str) -> str:
    """Add a task."""
    return f"added {title}"


def reasoned_call() -> RawStream:
    chunks = [
        {"reasoning_content": "I add bread."},
        {
            "tool_calls": [
                {"index": 0, "id": "t:0", "function": {"name": "add_task", "arguments": '{"title": "bread"}'}}
            ]
        },
    ]
    lines = [json.dumps({"choices": [{"index": 0, "delta": each}]}) for each in chunks]
    return RawStream("".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]))


async def run(
    provider: ProviderServer, model: str, items: Any = "Hello", named: tuple[str, ...] = (), **more: Any
) -> Run:
    settings = compatible_settings(provider.base_url, llm_capabilities=named)
    return await run_streamed(helper(build_model(settings, model), add_task, **more), items)


def refuses(words: str, refused: Any) -> Any:
    """Return a scripted reply that refuses a body with 400 if `refused` says so."""

    def reply(body: Json) -> Reply:
        return HttpError(400, message=words) if refused(body) else FINE

    return reply


def has_parts(body: Json) -> bool:
    return any(isinstance(message.get("content"), list) for message in body["messages"])


REFUSALS = [
    ("stream_options", "Unrecognized request argument supplied: stream_options", lambda body: "stream_options" in body),
    ("content_parts", "messages[1].content: invalid type: sequence, expected a string", has_parts),
    ("tool_choice", "tool_choice is not supported", lambda body: "tool_choice" in body),
    ("parallel_tool_calls", "Unknown parameter: parallel_tool_calls", lambda body: "parallel_tool_calls" in body),
    ("temperature", "Unsupported value: 'temperature' does not support 0.5", lambda body: "temperature" in body),
]
REFUSING = pytest.mark.parametrize(("name", "words", "refused"), REFUSALS, ids=[name for name, *_ in REFUSALS])
GIVEN = ModelSettings(tool_choice="auto", parallel_tool_calls=True, temperature=0.5)


@REFUSING
async def test_a_refusal_teaches_and_the_next_request_is_right_at_once(
    provider: ProviderServer, name: str, words: str, refused: Any
) -> None:
    provider.script(*[refuses(words, refused)] * 3)
    assert (await run(provider, "m", PARTS, model_settings=GIVEN)).text == "All is well."
    assert (await run(provider, "m", PARTS, model_settings=GIVEN)).text == "All is well."
    assert [bool(refused(body)) for body in provider.bodies] == [True, False, False]


@REFUSING
async def test_a_setting_saves_the_refused_request(
    provider: ProviderServer, name: str, words: str, refused: Any
) -> None:
    provider.script(refuses(words, refused))
    done = await run(provider, "m", PARTS, named=(f"-{name}",), model_settings=GIVEN)
    assert (done.text, len(provider.requests)) == ("All is well.", 1)


async def test_a_refusal_for_another_reason_is_an_error(provider: ProviderServer) -> None:
    provider.script(HttpError(400, message="stream_options"), HttpError(400, message="stream_options"))
    assert isinstance((await run(provider, "m")).error, ModelRefusedRequestError)
    assert len(provider.requests) == 2


@pytest.mark.parametrize("model", ["kimi-k2-thinking", "deepseek-v4"])
async def test_reasoning_goes_back_in_the_turn_and_in_a_later_one(provider: ProviderServer, model: str) -> None:
    provider.script(reasoned_call(), FINE, FINE)
    first = await run(provider, model)
    later = [{"role": "user", "content": "Hello"}, *first.items, {"role": "user", "content": "And now?"}]
    await run(provider, model, later)
    for body in provider.bodies[1:]:
        (message,) = [each for each in body["messages"] if each.get("tool_calls")]
        assert message["reasoning_content"] == "I add bread."


async def test_reasoning_goes_back_after_a_refusal_and_never_to_another_model(provider: ProviderServer) -> None:
    missing = HttpError(400, message="thinking is enabled but reasoning_content is missing in message at index 2")
    provider.script(reasoned_call(), missing, FINE, FINE)
    first = await run(provider, "thinker")
    assert "reasoning_content" not in str(provider.bodies[1])
    assert "I add bread." in str(provider.bodies[2])
    await run(provider, "kimi-k2", [{"role": "user", "content": "Hello"}, *first.items])
    assert "I add bread." not in str(provider.bodies[3])


async def test_mistral_gets_ids_of_nine_letters_and_digits(provider: ProviderServer) -> None:
    calls = [ToolCall("add_task", {"title": title}, call_id="same") for title in ("bread", "eggs")]
    provider.script(Answer(*calls), FINE)
    await run(provider, "mistral-large-latest")
    messages = provider.bodies[1]["messages"]
    made = [call["id"] for message in messages for call in message.get("tool_calls") or []]
    assert made == [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert len(set(made)) == 2
    assert all(len(each) == 9 and each.isalnum() for each in made)


async def test_a_picture_is_left_out_for_a_text_model(provider: ProviderServer) -> None:
    provider.script(FINE)
    items = [{"role": "user", "content": [{"type": "input_text", "text": "Look"}, PICTURE]}]
    await run(provider, "m", items, named=("-pictures",))
    assert "AAAA" not in str(provider.bodies[0])
    assert "one was left out" in str(provider.bodies[0])


async def test_settings_apply_to_agents_that_set_none(provider: ProviderServer) -> None:
    more: dict[str, Any] = {"llm_reasoning_effort": "low", "llm_temperature": 0.2, "llm_max_output_tokens": 50}
    provider.script(FINE, FINE, FINE)
    model = build_model(compatible_settings(provider.base_url, **more))
    await run_streamed(helper(model), "Hello")
    await run_streamed(helper(model, model_settings=ModelSettings(temperature=0.9)), "Hello")
    sent = [(body["reasoning_effort"], body["temperature"], body["max_tokens"]) for body in provider.bodies]
    assert sent == [("low", 0.2, 50), ("low", 0.9, 50)]
    await run_streamed(helper(build_model(openai_settings(provider.base_url, llm_verbosity="low", **more))), "Hello")
    body = provider.bodies[2]
    assert (body["reasoning"]["effort"], body["text"]["verbosity"], body["max_output_tokens"]) == ("low", "low", 50)
