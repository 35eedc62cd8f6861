"""Refused requests with a fallback, and model objects of the agents' package: whole turns over HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from assistant.agent import load_agent
from assistant.api import create_app
from assistant.context import Resources
from assistant.demo.image import png
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_formats import Json
from tests.support.provider_server import Answer, HttpError, ProviderServer, Reply, Text

pytestmark = pytest.mark.anyio

OpenThread = Callable[..., ChatKitClient]
REFUSED = HttpError(400, "invalid_request_error")
FINE = Answer(Text("All is well."))
OWN = {"AGENT_FACTORY": "tests.support.own_model_agent:build_agent"}


@pytest.fixture
async def open_thread(
    aws_environment: Aws, provider: ProviderServer, other_provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OpenThread]:
    opened: list[ChatKitClient] = []
    monkeypatch.setenv("OWN_MODEL_URL", provider.base_url)

    def make(**names: str) -> ChatKitClient:
        given = {
            "LLM_PROVIDER": "openai",
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": provider.base_url,
            "LLM_FALLBACK": "compatible",
            "LLM_BASE_URL": other_provider.base_url,
            "LLM_DEFAULT_MODEL": "fallback-model",
            "AGENT_FACTORY": "tests.support.turn_agents:build_agent",
            "THREAD_TITLES": "false",
            **names,
        }
        settings = load_settings(aws_environment.environment(**given))
        opened.append(ChatKitClient(client(create_app(Resources(settings), streaming=True))))
        return opened[-1]

    load_agent.cache_clear()
    yield make
    load_agent.cache_clear()
    for each in opened:
        await each.http.aclose()


def without(*parts: str) -> Callable[[Json], Reply]:
    return lambda body: REFUSED if any(part in json.dumps(body) for part in parts) else FINE


def errors(thread: ChatKitClient) -> list[Any]:
    return [event for event in thread.events if event["type"] == "error"]


def notices(thread: ChatKitClient) -> list[str]:
    return [event["message"] for event in thread.events if event["type"] == "notice"]


async def picture(thread: ChatKitClient) -> str:
    return await thread.upload("cat.png", "image/png", base64.b64decode(png("blue")))


@pytest.mark.parametrize("own", [{}, OWN], ids=["configured", "model object"])
async def test_a_request_that_can_be_healed_stays_with_the_first_provider(
    open_thread: OpenThread, provider: ProviderServer, other_provider: ProviderServer, own: dict[str, str]
) -> None:
    thread = open_thread(**own)
    provider.script(without("image_url"), without("image_url"))
    assert await thread.say("What is this?", attachments=[await picture(thread)]) == "All is well."
    assert notices(thread) == ["The model did not accept a picture. The answer was written without it."]
    assert (len(provider.requests), other_provider.requests) == (2, [])


@pytest.mark.parametrize("own", [{}, OWN], ids=["configured", "model object"])
async def test_a_request_that_cannot_be_healed_goes_whole_to_the_fallback(
    open_thread: OpenThread, provider: ProviderServer, other_provider: ProviderServer, own: dict[str, str]
) -> None:
    thread = open_thread(**own)
    provider.script(*[REFUSED] * 4)
    other_provider.script(FINE)
    assert await thread.say("What is this?", attachments=[await picture(thread)]) == "All is well."
    assert "image_url" in json.dumps(other_provider.bodies[0])
    assert (errors(thread), notices(thread)) == ([], [])


async def test_a_model_object_is_retried_and_falls_back(
    open_thread: OpenThread, provider: ProviderServer, other_provider: ProviderServer
) -> None:
    thread = open_thread(**OWN)
    provider.script(HttpError(500), FINE)
    assert await thread.say("Hello") == "All is well."
    assert [body["model"] for body in provider.bodies] == ["own-model", "own-model"]
    provider.script(HttpError(401))
    other_provider.script(Answer(Text("I stand in.")))
    assert await thread.say("Hello") == "I stand in."
    assert errors(thread) == []


async def test_a_failed_fallback_leaves_the_refusal(
    open_thread: OpenThread, provider: ProviderServer, other_provider: ProviderServer
) -> None:
    thread = open_thread()
    provider.script(*[REFUSED] * 4)
    other_provider.script(*[HttpError(401)] * 4)
    await thread.say("Hello")
    (error,) = errors(thread)
    assert "does not accept" in error["message"]
