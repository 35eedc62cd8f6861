"""Each recipe of docs/models.md: whole turns and evaluations on a server that speaks the provider's dialect."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.models.link import Link
from assistant.settings import Settings, load_settings
from scripts.eval_recipes import RECIPES
from scripts.evaluate import evaluate
from tests.evals.desk.cases import CASES
from tests.support import desk
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.dialects import DIALECTS, speak
from tests.support.provider_server import HttpError, ProviderServer

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
AZURE = re.search(r"```python\n(# acme/azure\.py\n.*?)```", PAGE, re.DOTALL)
EACH = pytest.mark.parametrize("recipe", sorted(RECIPES))
MAX_LINES = 30
OpenThread = Callable[..., ChatKitClient]
Names = dict[str, str]


@pytest.fixture
async def open_thread(aws_environment: Aws) -> AsyncIterator[OpenThread]:
    opened: list[ChatKitClient] = []

    def make(names: Names) -> ChatKitClient:
        settings = load_settings(aws_environment.environment(**names))
        opened.append(ChatKitClient(client(create_app(Resources(settings), streaming=True))))
        return opened[-1]

    yield make
    for each in opened:
        await each.http.aclose()


def settings_of(recipe: str, provider: ProviderServer) -> Names:
    """Return a recipe's settings, at the local server in place of the provider's address."""
    return {**RECIPES[recipe], "LLM_BASE_URL": provider.base_url, "LLM_API_KEY": "recipe-key", "THREAD_TITLES": "false"}


async def check_turns(thread: ChatKitClient, provider: ProviderServer) -> None:
    """Two turns with reasoning, a handoff and a tool; each history is valid for the strict server."""
    for text in ("add task buy milk (high)", "Thanks"):
        answer = await thread.say(text)
        assert [event for event in thread.events if event["type"] in ("error", "notice")] == []
        assert "Here you are." in answer
        workflows = [item["workflow"]["type"] for item in thread.done() if item["type"] == "workflow"]
        assert workflows[0] == "reasoning"
    tools = [call["function"]["name"] for call in calls(provider.bodies[-1])]
    assert tools == ["transfer_to_tasks", "add_task"]


def calls(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [call for message in body["messages"] for call in message.get("tool_calls") or []]


@EACH
async def test_whole_turns_run_on_each_recipe(open_thread: OpenThread, provider: ProviderServer, recipe: str) -> None:
    speak(provider, recipe)
    await check_turns(open_thread(settings_of(recipe, provider)), provider)
    assert len(provider.requests) == 4, "no request is refused"


@EACH
async def test_the_evaluation_runs_on_each_recipe(aws_environment: Aws, provider: ProviderServer, recipe: str) -> None:
    speak(provider, recipe)
    settings = load_settings(aws_environment.environment(**settings_of(recipe, provider)))
    verdicts = await evaluate(Resources(settings), CASES)
    assert [verdict.problems for verdict in verdicts] == [(), ()]


@EACH
def test_the_page_has_each_recipe(recipe: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| [{recipe}]("))
    assert f"| `{RECIPES[recipe]['LLM_BASE_URL']}` |" in row
    assert recipe in DIALECTS


async def test_mistral_is_learnt_without_the_setting(open_thread: OpenThread, provider: ProviderServer) -> None:
    speak(provider, "mistral")
    await check_turns(open_thread({**settings_of("mistral", provider), "LLM_CAPABILITIES": ""}), provider)
    assert len(provider.requests) == 5, "one request is refused, and the process remembers"


async def test_a_history_that_a_template_refuses_is_healed_and_not_retried(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread(settings_of("llama.cpp", provider))
    speak(provider, "llama.cpp")
    await thread.say("add task buy milk (high)")
    message = "Error: Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/..."
    refusal = HttpError(500, body={"error": {"code": 500, "message": message, "type": "server_error"}})
    provider.reset()
    # The first refusal may be about the role `system`. The second one is about the calls.
    provider.script(refusal, refusal)
    speak(provider, "llama.cpp")
    assert "Here you are." in await thread.say("Thanks")
    assert len(provider.requests) == 3
    assert calls(provider.bodies[-1]) == []


async def test_a_message_that_a_provider_moderates_is_told_as_such(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    metadata = {"reasons": ["violence"], "flagged_input": "heron", "provider_name": "OpenAI"}
    provider.script(HttpError(403, body={"error": {"code": 403, "message": "flagged", "metadata": metadata}}))
    thread = open_thread(settings_of("openrouter", provider))
    await thread.say("heron")
    (error,) = [event for event in thread.events if event["type"] == "error"]
    assert "content filter" in error["message"]


async def entra_token() -> str:
    return "entra-token"


@pytest.mark.parametrize("token", [None, entra_token], ids=["api-key", "Entra ID"])
async def test_azure_with_an_api_version(
    open_thread: OpenThread, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, token: Any
) -> None:
    assert AZURE is not None
    assert len([line for line in AZURE[1].splitlines() if line.strip()]) <= MAX_LINES
    module = ModuleType("acme_azure")
    exec(compile(AZURE[1], "docs/models.md", "exec"), module.__dict__)  # noqa: S102 - the page's own code

    def build_link(settings: Settings, model_name: str | None, caller: object) -> Link:
        link: Link = module.azure_link(settings, model_name or settings.llm_default_model, token)
        return link

    monkeypatch.setattr(desk, "build_link", build_link, raising=False)
    speak(provider, "azure")
    base_url = provider.base_url.removesuffix("/v1")
    await check_turns(open_thread({**settings_of("azure", provider), "LLM_BASE_URL": base_url}), provider)
    for request in provider.requests:
        assert request.path == "/openai/deployments/gpt-5-mini/chat/completions"
        assert request.query == "api-version=2025-04-01-preview"
        sent = request.headers.get("api-key"), request.headers.get("authorization")
        assert sent == (("recipe-key", None) if token is None else (None, "Bearer entra-token"))
