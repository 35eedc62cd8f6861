"""The parts that a page may show: a part is named exactly if its routes serve the caller."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.settings import Settings
from tests.support.asgi import client
from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

API = "/chatkit/api"
# A request that reads something of each part.
READS = {
    "search": f"{API}/search?q=heron",
    "shares": f"{API}/shares",
    "documents": f"{API}/knowledge/documents?scope=user",
    "tenant_documents": f"{API}/knowledge/documents?scope=tenant",
    "people": f"{API}/people",
    "tenant_usage": f"{API}/usage/tenant",
}
ALL = {"history_search": True, "support_roles": ("support",), "admin_roles": ("admin",), "shares": "public"}
NONE = {"history_search": False, "support_roles": (), "admin_roles": (), "shares": "off"}
EVERYBODYS = ["search", "shares", "public_shares", "documents", "person"]
EDITORS = ["search", "shares", "public_shares", "documents", "tenant_documents", "person"]


def with_knowledge(settings: Settings, store: str, own: int = 20) -> Settings:
    knowledge = replace(settings.knowledge, store=store, editors=("editor",), own_documents=own)
    return replace(settings, knowledge=knowledge)


@pytest.mark.parametrize(
    ("changes", "store", "own", "role", "expected"),
    [
        (NONE, "", 20, "admin", []),
        (ALL, "dynamodb", 20, "user", EVERYBODYS),
        (ALL, "dynamodb", 20, "support", [*EVERYBODYS, "people"]),
        (
            ALL,
            "dynamodb",
            20,
            "editor",
            ["search", "shares", "public_shares", "documents", "tenant_documents", "person"],
        ),
        (ALL, "dynamodb", 0, "user", ["search", "shares", "public_shares", "person"]),
        ({**ALL, "shares": "tenant"}, "", 20, "admin", ["search", "shares", "person", "tenant_usage"]),
    ],
)
async def test_a_part_is_named_exactly_if_its_routes_serve_the_caller(
    usual_resources: Resources,
    issuer: Issuer,
    changes: dict[str, Any],
    store: str,
    own: int,
    role: str,
    expected: list[str],
) -> None:
    settings = replace(with_knowledge(usual_resources.settings, store, own), **changes)
    token = issuer.token(sub="ann of the parts", role=role)
    http = client(create_app(Resources(settings), streaming=False), Authorization=f"Bearer {token}")
    parts = (await http.get(f"{API}/choices")).json()["parts"]
    assert parts == expected
    served = {name: (await http.get(path)).status_code for name, path in READS.items()}
    assert {name for name, status in served.items() if status == 200} == set(parts) & READS.keys()
    assert set(served.values()) <= {200, 403, 404}
