"""Embeddings of each provider, and a store of one's own in place of the table."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.errors import ConfigurationError, ImportFailedError, ModelRateLimitedError, ModelUnavailableError
from assistant.identity import Caller
from assistant.knowledge import ingest, search
from assistant.passages import bedrock, passage_store
from assistant.passages.embedding import embedder_of
from assistant.settings import Settings, load_settings
from tests.integration.knowledge.conftest import MakeLibrarian
from tests.support.aws import Aws
from tests.support.knowledge import context_of
from tests.support.provider_server import HttpError, ProviderServer, RawBody, Reply
from tests.support.shelf import SHELF

pytestmark = pytest.mark.anyio

BASES = {"openai": "OPENAI_BASE_URL", "gemini": "GEMINI_BASE_URL", "compatible": "LLM_BASE_URL"}
KEYS = {"openai": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY", "compatible": "LLM_API_KEY"}


def settings_of(provider: str, server: ProviderServer | None = None, **more: str) -> Settings:
    env = {"AUTH_MODE": "guest", "LLM_PROVIDER": "demo", "KNOWLEDGE": "dynamodb", "EMBEDDING_PROVIDER": provider}
    if server is not None:
        env |= {BASES[provider]: server.base_url, KEYS[provider]: "key", "EMBEDDING_MODEL": "an-embedder"}
    return load_settings({**env, "EMBEDDING_DIMENSIONS": "3", **more})


def vectors(length: int = 3) -> Callable[[dict[str, Any]], Reply]:
    """Return what answers a request: a vector for each text, the last one first."""

    def reply(body: dict[str, Any]) -> Reply:
        data = [
            {"object": "embedding", "index": number, "embedding": [float(len(text)), 1.0, *[0.0] * (length - 2)]}
            for number, text in enumerate(body["input"])
        ]
        answer = {
            "object": "list",
            "data": data[::-1],
            "model": body["model"],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
        return RawBody(json.dumps(answer).encode(), "application/json")

    return reply


@pytest.mark.parametrize(("provider", "requests"), [("openai", 1), ("gemini", 2), ("compatible", 4)])
async def test_each_api_embeds_all_texts_in_as_few_requests_as_it_takes(provider: str, requests: int) -> None:
    with ProviderServer() as server:
        server.script(*[vectors()] * requests)
        found = await embedder_of(settings_of(provider, server)).embed(
            ["x" * number for number in range(101)], question=False
        )
        assert [vector[0] for vector in found] == [float(number) for number in range(101)]
        assert len(server.requests) == requests
        assert {each.path for each in server.requests} == {"/v1/embeddings"}
        first = server.requests[0].body
        assert (first["model"], first["dimensions"], first["encoding_format"]) == ("an-embedder", 3, "float")


async def test_a_server_that_ignores_the_length_is_refused_by_name() -> None:
    with ProviderServer() as server:
        server.script(vectors(length=8))
        with pytest.raises(ConfigurationError, match="EMBEDDING_DIMENSIONS"):
            await embedder_of(settings_of("compatible", server)).embed(["text"], question=True)


async def test_a_failure_of_the_provider_is_ours_and_keeps_its_words(caplog: pytest.LogCaptureFixture) -> None:
    with ProviderServer() as server:
        server.script(HttpError(429), HttpError(500))
        embedder = embedder_of(settings_of("openai", server))
        with pytest.raises(ModelRateLimitedError) as failed:
            await embedder.embed(["a secret text"], question=True)
        assert "secret" not in failed.value.message
        with pytest.raises(ModelUnavailableError):
            await embedder.embed(["a secret text"], question=True)
    assert "secret text" not in caplog.text


class Bedrock:
    """Stands for boto3's client, which the emulator has no service for."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.asked: list[dict[str, Any]] = []

    def invoke_model(self, modelId: str, body: str) -> dict[str, Any]:
        self.asked.append({"modelId": modelId, **json.loads(body)})
        answer = {"embedding": [1.0] * self.length, "inputTextTokenCount": 2}
        return {"body": io.BytesIO(json.dumps(answer).encode())}


async def test_titan_gets_one_text_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Bedrock(256)
    monkeypatch.setattr(bedrock, "_client", client)
    embedder = embedder_of(settings_of("bedrock", EMBEDDING_DIMENSIONS="256"))
    assert [len(vector) for vector in await embedder.embed(["one", "two"], question=False)] == [256, 256]
    assert sorted(each["inputText"] for each in client.asked) == ["one", "two"]
    assert {each["modelId"] for each in client.asked} == {"amazon.titan-embed-text-v2:0"}
    client.length = 1_024
    with pytest.raises(ConfigurationError, match="EMBEDDING_DIMENSIONS"):
        await embedder.embed(["one"], question=False)
    with pytest.raises(ConfigurationError, match="EMBEDDING_MODEL"):
        embedder_of(settings_of("bedrock", EMBEDDING_MODEL="cohere.embed-v4"))


async def test_a_document_waits_while_the_provider_fails(
    resources: Resources, librarian: MakeLibrarian, aws_environment: Aws
) -> None:
    space, caller = Space("acme", "ann"), Caller("acme", "ann")
    document = await librarian(caller).queued("a.txt", "Herons wade.")
    with ProviderServer() as server:
        env = aws_environment.environment(
            LLM_PROVIDER="demo",
            KNOWLEDGE="dynamodb",
            KNOWLEDGE_TABLE_NAME=resources.passages.name,
            EMBEDDING_PROVIDER="openai",
            OPENAI_API_KEY="key",
            OPENAI_BASE_URL=server.base_url,
        )
        paid = Resources(load_settings(env))
        server.script(HttpError(429), vectors(256), vectors(256))
        assert not await ingest(paid, space, document)
        # The lease ended with the attempt.
        assert await ingest(paid, space, document)
        assert [hit.passage.text for hit in await search(context_of(paid, caller), "herons")] == ["Herons wade."]
        row = await resources.table.get(space.document(document))
        assert row is not None
        assert row["model"] == "text-embedding-3-small/256"


async def test_a_store_of_ones_own_takes_the_tables_place(
    resources: Resources, librarian: MakeLibrarian, aws_environment: Aws
) -> None:
    space, caller = Space("acme", "own"), Caller("acme", "own")
    mine = librarian(caller)
    document = await mine.queued("a.txt", "Herons wade.")
    own = Resources(
        load_settings(aws_environment.environment(LLM_PROVIDER="demo", KNOWLEDGE="tests.support.shelf:make"))
    )
    assert await ingest(own, space, document)
    assert [hit.passage.text for hit in await search(context_of(own, caller), "herons")] == ["Herons wade."]
    assert await search(context_of(own, Caller("globex", "own")), "herons") == []
    # A passage without its document is no hit, whatever the store says.
    await resources.table.delete(space.document(document))
    assert SHELF[space]
    assert await search(context_of(own, caller), "herons") == []


def test_a_factory_that_does_not_exist_is_named() -> None:
    broken = load_settings({"AUTH_MODE": "guest", "LLM_PROVIDER": "demo", "KNOWLEDGE": "nowhere:make"})
    with pytest.raises(ImportFailedError, match="KNOWLEDGE=nowhere:make"):
        passage_store(Resources(broken))
