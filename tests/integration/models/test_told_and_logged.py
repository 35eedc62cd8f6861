"""Each kind of refusal over HTTP: the user reads no word of keys, variables or servers, and the log has what helps."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.models.call_log import MAX_LOGGED_WORDS
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.failing_provider import EVERYWHERE, ON_CHAT, ON_RESPONSES, SILENT
from tests.support.provider_server import Answer, HttpError, ProviderServer, Reply, StreamError

pytestmark = pytest.mark.anyio

OpenThread = Callable[..., ChatKitClient]
KINDS = [
    *(("responses", kind) for kind in (EVERYWHERE | ON_RESPONSES).items() if kind[0] not in SILENT),
    *(("chat_completions", kind) for kind in (EVERYWHERE | ON_CHAT).items() if kind[0] not in SILENT),
]
# What no user may read: names of settings, addresses, keys, names of providers and models, and the provider's words.
UNTOLD = re.compile(r"[A-Z]{2,}_[A-Z]|https?:|127\.0\.0\.1|\bkey\b|sk-|openai|gpt|status|\b\d{3}\b|secret|server", re.I)
WORDS = "The account of sk-canary-12345 is not known. You said: heron. " + "More. " * 500
HEADERS = {"x-request-id": "req_42"}


@pytest.fixture
async def open_thread(aws_environment: Aws, provider: ProviderServer) -> AsyncIterator[OpenThread]:
    opened: list[ChatKitClient] = []

    def make(**names: str) -> ChatKitClient:
        given = {
            "LLM_PROVIDER": "openai",
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": provider.base_url,
            "AGENT_FACTORY": "tests.support.turn_agents:build_agent",
            "THREAD_TITLES": "false",
            **names,
        }
        settings = load_settings(aws_environment.environment(**given))
        opened.append(ChatKitClient(client(create_app(Resources(settings), streaming=True))))
        return opened[-1]

    yield make
    Resources(load_settings(aws_environment.environment(LLM_PROVIDER="demo")))  # Texts are kept out again.
    for each in opened:
        await each.http.aclose()


def told(thread: ChatKitClient) -> str:
    (error,) = [event for event in thread.events if event["type"] == "error"]
    assert error["code"] == "custom", error
    message: str = error["message"]
    return message


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.__dict__ for record in caplog.records if record.message == "model call failed"]


@pytest.mark.parametrize(("api", "kind"), KINDS, ids=[f"{api}: {name}" for api, (name, _) in KINDS])
async def test_the_user_reads_what_to_do_and_the_log_has_the_provider(
    open_thread: OpenThread,
    provider: ProviderServer,
    caplog: pytest.LogCaptureFixture,
    api: str,
    kind: tuple[str, Reply],
) -> None:
    name, failure = kind
    provider.script(*[failure] * 8)
    thread = open_thread(OPENAI_API=api)
    await thread.say("Hello")
    message = told(thread)
    assert not UNTOLD.search(message), message
    assert message.endswith(".")
    line = lines(caplog)[0]
    assert line["provider"] == "openai"
    assert line["detail"]
    if name.startswith("status "):
        assert f"status={name.split()[1]}" in line["detail"]


REFUSALS: dict[str, tuple[Reply, str | None, str]] = {
    "key": (HttpError(401, "invalid_api_key", WORDS, HEADERS), "OPENAI_API_KEY", "status=401 code=invalid_api_key"),
    "model": (HttpError(404, "model_not_found", WORDS, HEADERS), "OPENAI_DEFAULT_MODEL", "status=404"),
    "length": (HttpError(400, "context_length_exceeded", WORDS, HEADERS), "HISTORY_MAX_TOKENS", "status=400"),
    "request": (HttpError(422, "invalid_value", WORDS, HEADERS), None, "code=invalid_value type=error request=req_42"),
    "stream": (Answer(StreamError("insufficient_quota", WORDS)), None, "code=insufficient_quota"),
}


@pytest.mark.parametrize("allowed", ["true", "false"])
@pytest.mark.parametrize("api", ["responses", "chat_completions"])
@pytest.mark.parametrize("name", REFUSALS)
async def test_the_log_has_the_fix_and_the_providers_words_where_texts_are_allowed(
    open_thread: OpenThread,
    provider: ProviderServer,
    caplog: pytest.LogCaptureFixture,
    name: str,
    api: str,
    allowed: str,
) -> None:
    reply, fix, detail = REFUSALS[name]
    provider.script(*[reply] * 4)
    thread = open_thread(OPENAI_API=api, LOG_CONTENT=allowed)
    await thread.say("Hello")
    assert not UNTOLD.search(told(thread))
    line = lines(caplog)[0]
    assert detail in line["detail"]
    assert (fix or "") in line.get("fix", "")
    if isinstance(reply, HttpError) or api == "chat_completions":
        assert "request=req_" in line["detail"]
    assert ("You said: heron." in line.get("words", "")) is (allowed == "true")
    assert len(line.get("words", "")) <= MAX_LOGGED_WORDS
    assert "canary" not in str(line)


async def test_a_wrong_setting_is_told_to_the_operator_only(
    open_thread: OpenThread, caplog: pytest.LogCaptureFixture
) -> None:
    thread = open_thread(
        LLM_PROVIDER="compatible", LLM_BASE_URL="http://x", LLM_DEFAULT_MODEL="m", LLM_CAPABILITIES="typo"
    )
    await thread.say("Hello")
    assert told(thread) == "This assistant is not set up correctly. Please contact its administrator."
    assert "LLM_CAPABILITIES has the unknown name 'typo'" in caplog.text
