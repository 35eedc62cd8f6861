"""With each provider and each recipe, nothing that a user, a file, a tool or a key says is in a log, also at DEBUG."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

import pytest

from assistant import observability
from assistant.api import create_app, create_upload_app
from assistant.context import Resources
from assistant.settings import load_settings
from scripts.eval_recipes import RECIPES
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.dialects import speak
from tests.support.issuer import AUDIENCE, ISSUER, Issuer
from tests.support.provider_server import (
    Answer,
    HttpError,
    ProviderServer,
    RawBody,
    RawStream,
    Reply,
    Reset,
    StreamError,
    Text,
    ToolCall,
)

pytestmark = pytest.mark.anyio

KEY = "sk-canary-0123456789"
QUESTION = "canary question about a heron"
WORDS = f"Incorrect API key provided: {KEY}. You said: {QUESTION}"
# The only key that the dialects accept.
RECIPE_KEY = "recipe-key"
CANARIES = ("canary", "heron", KEY, RECIPE_KEY)
CASES: dict[str, dict[str, str]] = {
    "openai: responses": {"LLM_PROVIDER": "openai", "OPENAI_API": "responses"},
    "openai: chat completions": {"LLM_PROVIDER": "openai", "OPENAI_API": "chat_completions"},
    "gemini": {"LLM_PROVIDER": "gemini"},
    "compatible": {"LLM_PROVIDER": "compatible", "LLM_DEFAULT_MODEL": "small-model"},
    **{f"recipe: {name}": dict(settings) for name, settings in RECIPES.items()},
}
# The others speak nearly the same, so that they run in the long form alone.
USUAL = {name for name in CASES if not name.startswith("recipe")} | {
    "recipe: anthropic",
    "recipe: azure",
    "recipe: bedrock",
}
# What a turn hears from its provider. Each of them carries texts or the key.
TURNS: dict[str, tuple[Reply, ...]] = {
    "an answer": (Answer(Text("canary answer")),),
    "an unknown tool": (Answer(ToolCall("no_such_tool", {"title": "canary argument"})), Answer(Text("canary"))),
    "a tool": (Answer(ToolCall("add_task", {"title": "canary title"})), Answer(Text("canary"))),
    "arguments that are no JSON": (Answer(ToolCall("add_task", raw='{"title": "canary')), Answer(Text("canary"))),
    "a refused key": (HttpError(401, "invalid_api_key", WORDS),) * 3,
    "a refused request": (HttpError(400, "invalid_request", WORDS),) * 4,
    "a failure": (HttpError(500, None, WORDS),) * 4,
    "an error in the stream": (Answer(Text("canary"), StreamError("server_error", WORDS)),) * 4,
    "a malformed stream": (RawStream('data: {"canary heron": \n\n'),) * 4,
    "a page of a proxy": (RawBody(b"<html>canary heron</html>", "text/html"),) * 4,
    "a connection that breaks": (Reset(),) * 4,
}


class Everything(logging.Handler):
    """Remembers each record of each logger with all its fields, and stack traces with their messages."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one."""
        raised = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else ""
        self.lines.append(f"{record.getMessage()} {record.__dict__} {raised}")


@pytest.fixture(scope="module")
def provider() -> Iterator[ProviderServer]:
    with ProviderServer() as running:
        yield running


@pytest.fixture
def logged() -> Iterator[list[str]]:
    # Powertools mutes the handlers that are there when it makes its logger.
    observability.logger()
    everything, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(everything)
    root.setLevel(logging.DEBUG)
    yield everything.lines
    root.removeHandler(everything)
    root.setLevel(level)


@pytest.mark.parametrize(
    "case", [pytest.param(name, marks=[] if name in USUAL else pytest.mark.exhaustive) for name in CASES]
)
async def test_no_log_has_a_word_a_key_or_a_token(
    aws_environment: Aws,
    provider: ProviderServer,
    issuer: Issuer,
    logged: list[str],
    case: str,
) -> None:
    keys = dict.fromkeys(("OPENAI_API_KEY", "GEMINI_API_KEY"), KEY) | {"LLM_API_KEY": RECIPE_KEY}
    urls = dict.fromkeys(("OPENAI_BASE_URL", "GEMINI_BASE_URL", "LLM_BASE_URL"), provider.base_url)
    tokens = {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": issuer.url}
    env = {**CASES[case], **keys, **urls, **tokens, "THREAD_TITLES": "false", "LOG_CONTENT": "false"}
    resources = Resources(load_settings(aws_environment.environment(**env)))
    token = issuer.token(sub="canary-user", name="heron")
    async with client(create_app(resources, streaming=True), authorization=f"Bearer {token}") as http:
        # The failures below would open the breaker.
        if case.startswith("recipe: "):
            provider.reset()
            speak(provider, case.removeprefix("recipe: "))
            assert await ChatKitClient(http).say(f"add task {QUESTION} (high)")
        thread = ChatKitClient(http)
        errors = 0
        for replies in TURNS.values():
            provider.reset()
            provider.script(*replies)
            await thread.say(QUESTION)
            errors += "error" in [event["type"] for event in thread.events]
        await thread.post("threads.update", thread_id=thread.thread_id, title="canary title")
        await thread.post("input.transcribe", audio_base64="Y2FuYXJ5", mime_type="audio/webm")
        await http.post("/chatkit/api", content=b'{"type": "canary heron"}')
        await http.post("/chatkit/api", content=b"canary", headers={"authorization": "Bearer canary.heron.token"})
    async with client(create_upload_app(resources), authorization=f"Bearer {token}") as http:
        for media_type in ("text/plain", "image/png"):
            await http.post("/chatkit/api/upload", files={"file": ("canary.txt", b"canary heron", media_type)})
    assert errors >= 4, "turns have failed"
    assert len([line for line in logged if line.startswith("turn ")]) >= len(TURNS), "there is a log to look at"
    for canary in (*CANARIES, *token.split(".")[1:]):
        found = [line for line in logged if canary in line]
        assert not found, found[:2]
