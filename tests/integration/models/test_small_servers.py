"""Servers without tools or without the role `system`: whole turns over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_formats import Json
from tests.support.provider_server import Answer, HttpError, ProviderServer, Reply, Text, ToolCall
from tests.support.refusing import Policy, errors, has_picture, in_words, notices, picture, says

pytestmark = pytest.mark.anyio

OpenThread = Callable[..., ChatKitClient]
NO_TOOLS = "This model cannot use tools. The answer was written without them."


def without_tools(refusal: Reply) -> Policy:
    return lambda body: refusal if body.get("tools") else None


def without_system(refusal: Reply) -> Policy:
    return lambda body: refusal if any(each["role"] == "system" for each in body["messages"]) else None


OLLAMA = "registry.ollama.ai/library/gemma3:4b does not support tools"
VLLM = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
TOOLS = {
    "ollama": in_words(400, OLLAMA, type="api_error", param=None, code=None),
    "llama.cpp": in_words(500, "tools param requires --jinja flag", code=500, type="server_error"),
    "vllm": in_words(400, VLLM, type="BadRequestError"),
    "openrouter": in_words(404, "No endpoints found that support tool use. Try disabling 'look_up'.", code=404),
    "a parameter": in_words(400, "tools is not supported by this model", param="tools"),
    "fastapi": HttpError(422, body={"detail": [{"loc": ["body"], "msg": "Unrecognized request argument: tools"}]}),
}


@pytest.mark.parametrize("name", TOOLS)
async def test_an_agent_answers_without_tools_and_the_user_reads_so_once(
    open_compatible: OpenThread, provider: ProviderServer, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    thread, policy = open_compatible(), without_tools(TOOLS[name])
    assert await says(thread, provider, policy, "Look it up") == 2
    assert (errors(thread), notices(thread)) == ([], [NO_TOOLS])
    assert "The model cannot use tools on this server" in caplog.text
    assert await says(thread, provider, policy, "Just say hi") == 1
    assert (errors(thread), notices(thread)) == ([], [])


async def test_a_setting_saves_the_refused_request(open_compatible: OpenThread, provider: ProviderServer) -> None:
    thread = open_compatible(LLM_CAPABILITIES="-tools,-system_role")
    tools, system = without_tools(TOOLS["ollama"]), without_system(SYSTEM["gemma"])

    def refusal(body: Json) -> Reply | None:
        return tools(body) or system(body)

    assert await says(thread, provider, refusal, "Hello") == 1
    assert (errors(thread), notices(thread)) == ([], [NO_TOOLS])


async def test_a_thread_with_calls_goes_on_at_a_server_without_tools(
    open_compatible: OpenThread, provider: ProviderServer
) -> None:
    thread = open_compatible()
    provider.script(Answer(ToolCall("look_up", {"what": "lamps"})), Answer(Text("Found.")))
    await thread.say("Look it up")

    def policy(body: Json) -> Reply | None:
        has_calls = any(each["role"] == "tool" for each in body["messages"])
        return TOOLS["ollama"] if body.get("tools") else HttpError(400) if has_calls else None

    await says(thread, provider, policy, "And then?")
    assert (errors(thread), notices(thread)) == ([], [NO_TOOLS])
    assert "found lamps" in str(provider.bodies[-1])


async def test_a_picture_and_tools_are_refused_one_after_the_other(
    open_compatible: OpenThread, provider: ProviderServer
) -> None:
    thread = open_compatible()
    no_picture = in_words(500, "image input is not supported")

    def policy(body: Json) -> Reply | None:
        return no_picture if has_picture(body) else without_tools(TOOLS["llama.cpp"])(body)

    assert await says(thread, provider, policy, "What is this?", attachments=await picture(thread)) == 3
    assert (errors(thread), len(notices(thread))) == ([], 2)
    assert await says(thread, provider, policy, "Just say hi") == 1


ALTERNATE = "Conversation roles must alternate user/assistant/user/assistant/..."
SYSTEM = {
    "gemma": in_words(400, "System role not supported"),
    "llama.cpp": in_words(500, f"Error: Jinja Exception: {ALTERNATE}", code=500, type="server_error"),
    "vllm": in_words(400, f"{ALTERNATE} {ALTERNATE}", type="BadRequestError", code=400),
    "mistral": in_words(500, "Only user and assistant roles are supported!"),
    "gemini": HttpError(400, body=[{"error": {"message": "Developer instruction is not enabled for models/gemma-3"}}]),
}


@pytest.mark.parametrize("name", SYSTEM)
async def test_the_instructions_go_into_the_first_message(
    open_compatible: OpenThread, provider: ProviderServer, name: str
) -> None:
    thread, policy = open_compatible(), without_system(SYSTEM[name])
    assert await says(thread, provider, policy, "Hello") == 2
    instructions = provider.bodies[0]["messages"][0]["content"]
    first = provider.bodies[1]["messages"][0]
    assert (first["role"], instructions in str(first["content"])) == ("user", True)
    assert (errors(thread), notices(thread)) == ([], [])
    assert await says(thread, provider, policy, "Just say hi") == 1
