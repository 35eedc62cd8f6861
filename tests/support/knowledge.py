"""Knowledge in tests: a table of passages on the local AWS, and documents that are added as a client adds them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx2

from assistant.aws.keys import Space
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.knowledge import ingest
from assistant.settings import load_settings
from local import stack
from tests.support.aws import Aws

PATH = "/chatkit/api/knowledge/documents"


def with_knowledge(aws: Aws, **more: str) -> Resources:
    """Return resources with a table of passages of their own."""
    name = f"k{uuid.uuid4().hex[:12]}"
    stack.deploy_knowledge(aws.endpoint_url, name, 256)
    env = {"LLM_PROVIDER": "demo", "KNOWLEDGE": "dynamodb", "KNOWLEDGE_TABLE_NAME": name, "ADMIN_ROLES": "admin"}
    return Resources(load_settings(aws.environment(CHAT_TURN_SECONDS="300", **env, **more)))


def rows_of(resources: Resources, **wanted: str) -> list[dict[str, Any]]:
    """Return the passages in the table, those of a document or of a generation only."""
    from assistant.aws.rowformat import load

    pages = resources.passages.client.get_paginator("scan").paginate(TableName=resources.passages.name)
    rows = [load(item) for answer in pages for item in answer["Items"]]
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


@dataclass
class Librarian:
    """Adds and removes documents over HTTP.

    Attributes:
        http: A client of the app, with a token.
        resources: The same tables and bucket as the app's.
        where: The scope that each request names.
    """

    http: httpx2.AsyncClient
    resources: Resources
    where: dict[str, str] = field(default_factory=lambda: {"scope": "user"})

    async def announced(self, name: str, body: bytes, mime_type: str = "text/plain", **more: Any) -> httpx2.Response:
        """Register a document, or with `document_id` a new version."""
        document_id = more.pop("document_id", None)
        fields = {**self.where, "name": name, "mime_type": mime_type, "size": len(body), **more}
        return await self.http.post(f"{PATH}/{document_id}" if document_id else PATH, json=fields)

    async def uploaded(self, name: str, body: bytes, mime_type: str = "text/plain", **more: Any) -> str:
        """Register a document and send its bytes. Return its id."""
        answer = await self.announced(name, body, mime_type, **more)
        assert answer.status_code == 200, answer.text
        upload = answer.json()["upload"]
        async with httpx2.AsyncClient() as bucket:
            sent = await bucket.put(upload["url"], content=body, headers=upload["headers"])
        assert sent.status_code == 200, sent.text
        found: str = answer.json()["document"]["id"]
        return found

    async def queued(self, name: str, body: bytes | str, mime_type: str = "text/plain", **more: Any) -> str:
        """Add a document that waits to be read. Return its id."""
        body = body.encode() if isinstance(body, str) else body
        document_id = await self.uploaded(name, body, mime_type, **more)
        answer = await self.http.post(f"{PATH}/{document_id}/complete", json=self.where)
        assert answer.status_code == 202, answer.text
        return document_id

    async def added(
        self, space: Space, name: str, body: bytes | str, mime_type: str = "text/plain", **more: Any
    ) -> str:
        """Add a document and read it, as the function `ingest` does. Return its id."""
        document_id = await self.queued(name, body, mime_type, **more)
        assert await ingest(self.resources, space, document_id)
        return document_id

    async def shown(self, document_id: str) -> dict[str, Any]:
        """Return a document as a client sees it."""
        answer = await self.http.get(f"{PATH}/{document_id}", params=self.where)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()["document"]
        return document

    async def removed(self, document_id: str) -> httpx2.Response:
        """Remove a document."""
        return await self.http.delete(f"{PATH}/{document_id}", params=self.where)


def context_of(resources: Resources, caller: Caller) -> RequestContext:
    """Return the context of a request."""
    return RequestContext(caller, resources)
