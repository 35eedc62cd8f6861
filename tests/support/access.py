"""Who may call what: each operation and route, and the answer that each identity gets.

`scripts/access_page.py` makes the tables of docs/access.md from it. A test sends each request with each identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
from fastapi import FastAPI
from fastapi.routing import APIRoute

from tests.support import wire_schema
from tests.support.files import PNG
from tests.support.identities import Identity, visitor_token
from tests.support.private_data import Conversation, guesses

COMPLETE = ("chat", "stream")
API = "/chatkit/api"
# `theirs`: it names something of another user. `own`: it reads or writes the caller's own data. `admin`: for a role of
# `ADMIN_ROLES`, within the tenant. `public`: for everybody. `visitors`: for everybody, if there are visitors.
# `sign-in`: for users who are no visitors, if there are visitors. `confirmed`: for an admin, and refused without its
# confirmation. `off`: a setting turns it on.
Kind = Literal["theirs", "own", "admin", "public", "visitors", "sign-in", "confirmed", "off"]
# Routes that the owner's test of this table cannot use: they have tests of their own.
NOT_SERVED = ("confirmed", "off")


@dataclass(frozen=True)
class Route:
    """An operation or a route.

    Attributes:
        name: The operation, or the method and the path as the app has it.
        kind: What it does for a caller who is not the owner.
        functions: The functions that serve it.
    """

    name: str
    kind: Kind
    functions: tuple[str, ...] = COMPLETE

    @property
    def is_operation(self) -> bool:
        """Whether it is one of ChatKit's operations."""
        return "/" not in self.name

    def answer(self, identity: Identity) -> int:
        """Return the status that an identity gets."""
        if self.kind == "public":
            return 200
        if self.kind == "visitors":
            return 200 if identity.site == "visitors" else 404
        if identity.standing == "nobody":
            return 401
        if self.kind in ("theirs", "off"):
            return 404
        if self.kind == "sign-in":
            return 403 if identity.site == "visitors" else 404
        if self.kind in ("admin", "confirmed") and identity.standing != "admin":
            return 403
        return 400 if self.kind == "confirmed" else 200

    def request(self, theirs: Conversation, task: str) -> tuple[str, str, dict[str, Any]]:
        """Return the method, the path and httpx's arguments of a request that names things of somebody else."""
        if self.is_operation:
            params = guesses(theirs).get(self.name) or _OTHER_PARAMETERS[self.name]
            return "POST", API, {"json": {"type": self.name, "params": params}}
        method, _, path = self.name.partition(" ")
        path = path.format(
            attachment_id=theirs.attachment_id,
            entity_id=task,
            thread_id=theirs.thread_id,
            fact_id=theirs.fact_id,
            document_id=theirs.attachment_id,
            share_id=theirs.share_id,
            waiting_id="0" * 32,
            token="x" * 43,
        )
        bodies: dict[str, dict[str, Any]] = {
            f"POST {API}/cancel": {"json": {"thread_id": theirs.thread_id}},
            f"POST {API}/fork": {"json": {"thread_id": theirs.thread_id, "item_id": theirs.answer.id}},
            f"POST {API}/shares": {"json": {"thread_id": theirs.thread_id}},
            f"POST {API}/limits": {"json": {"limits": None, "user_id": "ann"}},
            f"POST {API}/memory": {"json": {"on": True}},
            f"POST {API}/memory/{{fact_id}}": {"json": {"fact": "mine now"}},
            f"POST {API}/visitor/take-along": {"json": {"visitor_token": visitor_token()}},
            f"POST {API}/upload": {"files": {"file": ("a.png", PNG, "image/png")}},
        }
        return method, path, bodies.get(self.name, {})


_OTHER_PARAMETERS: dict[str, dict[str, Any]] = {
    "threads.list": {},
    "attachments.create": {"name": "notes.txt", "size": 4, "mime_type": "text/plain"},
    "input.transcribe": {"audio_base64": "GkXfoyBzb21lIGF1ZGlv", "mime_type": "audio/webm"},
}
_OPERATIONS: list[Route] = [
    Route(name, "own" if name in _OTHER_PARAMETERS else "theirs") for name in wire_schema.OPERATIONS
]
_PEOPLE = (
    ("POST", "person"),
    ("DELETE", "person/{thread_id}"),
    ("GET", "people"),
    ("GET", "people/{waiting_id}"),
    ("GET", "people/{waiting_id}/attachments/{attachment_id}"),
    ("POST", "people/{waiting_id}/take"),
    ("POST", "people/{waiting_id}/say"),
    ("DELETE", "people/{waiting_id}"),
)
ROUTES = [
    *_OPERATIONS,
    Route(f"POST {API}/cancel", "own"),
    Route(f"GET {API}/usage", "own"),
    Route(f"GET {API}/usage/tenant", "admin"),
    Route(f"GET {API}/limits", "admin"),
    Route(f"POST {API}/limits", "admin"),
    Route(f"GET {API}/choices", "own"),
    Route(f"GET {API}/entities", "own"),
    Route(f"GET {API}/entities/{{entity_id}}", "theirs"),
    Route(f"GET {API}/attachments/{{attachment_id}}", "theirs"),
    Route(f"POST {API}/fork", "theirs"),
    Route(f"GET {API}/fork/{{thread_id}}", "theirs"),
    Route(f"POST {API}/shares", "theirs"),
    Route(f"GET {API}/shares", "own"),
    Route(f"DELETE {API}/shares/{{share_id}}", "theirs"),
    # With a token that nobody has got. A user of the tenant who has got one reads its share.
    Route(f"GET {API}/shared/{{token}}", "off"),
    # `SUPPORT_ROLES` turns them on. tests/integration/takeover has the identities with it.
    *(Route(f"{method} {API}/{path}", "off") for method, path in _PEOPLE),
    Route(f"POST {API}/visitor", "visitors"),
    Route(f"POST {API}/visitor/take-along", "sign-in"),
    Route(f"GET {API}/search", "off"),
    Route(f"GET {API}/memory", "own"),
    Route(f"POST {API}/memory", "own"),
    Route(f"POST {API}/memory/{{fact_id}}", "theirs"),
    Route(f"DELETE {API}/memory/{{fact_id}}", "own"),
    Route(f"GET {API}/audit", "admin"),
    Route(f"GET {API}/tenant", "admin"),
    Route(f"DELETE {API}/tenant", "confirmed"),
    Route(f"GET {API}/my-data", "off"),
    Route(f"POST {API}/my-data/export", "off"),
    Route(f"GET {API}/my-data/export", "off"),
    Route(f"DELETE {API}/my-data", "off"),
    Route(f"GET {API}/knowledge/documents", "off"),
    Route(f"POST {API}/knowledge/documents", "off"),
    Route(f"GET {API}/knowledge/documents/{{document_id}}", "off"),
    Route(f"POST {API}/knowledge/documents/{{document_id}}", "off"),
    Route(f"POST {API}/knowledge/documents/{{document_id}}/complete", "off"),
    Route(f"DELETE {API}/knowledge/documents/{{document_id}}", "off"),
    Route(f"POST {API}/upload", "own", ("upload",)),
    Route("GET /health", "public", (*COMPLETE, "upload")),
]


def served_routes(app: FastAPI) -> set[str]:
    """Return the method and the path of each route of an app; the one with the operations excepted."""
    return {
        f"{method} {route.path}"
        for route in _routes(app.routes)
        for method in route.methods or ()
        if (method, route.path) != ("POST", API)
    }


def _routes(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            # A router that is included, or an app that is mounted. Anything else is an error here.
            yield from _routes(getattr(route, "original_router", route).routes)


def shows(answer: httpx2.Response, theirs: Conversation) -> list[str]:
    """Return what of somebody's data an answer shows."""
    private = (theirs.thread_id, theirs.attachment_id, theirs.answer.id, "secret", "private")
    return [each for each in private if each in answer.text]
