"""`make dev` with knowledge: a document goes up, `ingest` reads it, and an answer cites it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from scripts.deployment import Deployment
from scripts.smoke_checks.knowledge import own_document
from scripts.smoke_checks.run import Run
from tests.support.dev import DevServer

# The function starts within a second. A busy machine takes its own.
READ_SECONDS = 120.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    made = DevServer(tmp_path_factory.mktemp("knowledge"), {"KNOWLEDGE": "dynamodb", "ADMIN_ROLES": "admin"})
    yield made
    if made.process.poll() is None:
        made.stop()


def test_a_document_that_an_admin_adds_is_cited_to_a_user(server: DevServer, tmp_path: Path) -> None:
    text = b"Storks nest on the town hall from March to August."
    admin = httpx2.Client(headers={"Authorization": f"Bearer {server.token('root', role='admin')}"}, timeout=60)
    path = f"{server.chat_url}/knowledge/documents"
    where = {"scope": "tenant"}
    fields = {**where, "name": "storks.txt", "mime_type": "text/plain", "size": len(text)}
    added = admin.post(path, json=fields).json()
    upload = added["upload"]
    assert httpx2.put(upload["url"], content=text, headers=upload["headers"]).status_code == 200
    document = f"{path}/{added['document']['id']}"
    assert admin.post(f"{document}/complete", json=where).status_code == 202
    deadline = time.monotonic() + READ_SECONDS
    shown: dict[str, Any] = {}
    while shown.get("state") != "ready" and time.monotonic() < deadline:
        time.sleep(0.2)
        shown = admin.get(document, params=where).json()["document"]
    assert (shown["state"], shown["done"]) == ("ready", 1)
    user = {"Authorization": f"Bearer {server.token('ann')}"}
    ask = {"message": {"content": '!tool search_knowledge {"question": "Where do storks nest?"}'}}
    answer = httpx2.post(server.chat_url, json=ask, headers=user, timeout=120).json()
    assert answer["content"].startswith("Storks nest on the town hall"), answer
    assert "§" not in answer["content"]


def test_the_smoke_test_adds_a_document_and_removes_it(server: DevServer) -> None:
    async def check() -> str:
        async with httpx2.AsyncClient(timeout=READ_SECONDS) as http:
            url = server.page_url.rstrip("/")
            stack = Deployment(url, url, url, server.token("smoke"), "authorization", http)
            return await own_document(Run(stack))

    assert asyncio.run(check()) == "uploaded, read, removed"
