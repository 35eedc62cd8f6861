"""What a collector gets of anybody's words, and of keys and tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant import otel
from tests.integration.tracing.conftest import KEY, OpenThread
from tests.support.collector import Collector
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, running_issuer
from tests.support.provider_server import (
    Answer,
    HttpError,
    ProviderServer,
    RawStream,
    Reply,
    Reset,
    StreamError,
    Text,
    ToolCall,
)

pytestmark = pytest.mark.anyio

QUESTION = "canary question about a heron"
COLLECTORS_KEY = "key-of-the-collector"
WORDS = f"Incorrect API key provided: {KEY}. You said: {QUESTION}"
TO_TASKS = Answer(ToolCall("transfer_to_tasks", {}))
SAID = Answer(Text("canary answer"))
TURNS: dict[str, tuple[Reply, ...]] = {
    "an answer": (SAID,),
    "a tool": (TO_TASKS, Answer(ToolCall("add_task", {"title": "canary"})), SAID),
    "a tool that does not exist": (Answer(ToolCall("canary_tool", {"heron": 1})), SAID),
    "arguments that are no JSON": (TO_TASKS, Answer(ToolCall("add_task", raw='{"title": "canary')), SAID),
    "a refused key": (HttpError(401, "canary_code", WORDS),) * 3,
    "a refused request": (HttpError(400, "invalid_request", WORDS),) * 4,
    "an error in the stream": (Answer(Text("canary"), StreamError("server_error", WORDS)),) * 4,
    "a malformed stream": (RawStream('data: {"canary heron": \n\n'),) * 4,
    "a connection that breaks": (Reset(),) * 4,
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.mark.parametrize("log_content", ["false", "true"])
async def test_no_span_has_a_word_without_log_content_and_none_ever_has_a_key(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector, issuer: Issuer, log_content: str
) -> None:
    token = issuer.token(sub="user-of-canary-tests", name="heron")
    thread = open_thread(
        {"authorization": f"Bearer {token}"},
        AUTH_ISSUER=ISSUER,
        AUTH_AUDIENCE=AUDIENCE,
        AUTH_JWKS_URL=issuer.url,
        LOG_CONTENT=log_content,
        OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer {COLLECTORS_KEY},x-other=two",
    )
    for replies in TURNS.values():
        provider.reset()
        provider.script(*replies)
        await thread.say(QUESTION)
    await otel.flush(60)
    assert len(collector.named("invoke_workflow")) == len(TURNS)
    assert len(collector.named("chat ")) > len(TURNS)
    assert {export.headers["authorization"] for export in collector.exports} == {f"Bearer {COLLECTORS_KEY}"}
    assert {export.headers["x-other"] for export in collector.exports} == {"two"}
    sent = b"".join(export.body for export in collector.exports)
    for secret in (KEY, COLLECTORS_KEY, *token.split(".")):
        assert secret.encode() not in sent
    for word in (b"canary", b"heron"):
        assert (word in sent) is (log_content == "true")
    # Messages of errors quote users.
    assert any(span.message for span in collector.spans) is (log_content == "true")
    assert not any(span.events for span in collector.spans)
