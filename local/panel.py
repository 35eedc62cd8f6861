"""The developer's panel: routes that give the dev server's page tokens of users, stored rows and turns.

The panel gives a token of any user without a check. So it answers only a page of this server, on this machine: see
`is_open`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.settings import ANY_HOST
from local.tokens import AUDIENCE, issue_token

if TYPE_CHECKING:
    from assistant.aws import Row
    from assistant.context import Resources

# A page of another origin cannot send this header without a preflight request, which nobody answers here.
HEADER = "x-playground"
# Rows of one thread that are shown, the oldest first.
MAX_ROWS = 300
# Around every sort key of a thread's partition.
ALL_ROWS = (" ", "~~")


def is_open(environment: Mapping[str, str]) -> bool:
    """Tell whether the panel is served: only to this machine, and only with tokens of the dev server's own key."""
    return environment.get("HOST", "").strip() != ANY_HOST and environment.get("AUTH_AUDIENCE") == AUDIENCE


def panel_routes(environment: Mapping[str, str], keys: Path) -> list[Route]:
    """Return the panel's routes; none where it is not open.

    Args:
        environment: The functions' environment.
        keys: The folder of the key that signs the dev server's tokens.
    """
    if not is_open(environment):
        return []
    store = _Store()

    async def token(asked: dict[str, str]) -> object:
        return {"token": issue_token(keys, user=asked["user"], tenant=asked["tenant"], role=asked["role"])}

    async def rows(asked: dict[str, str]) -> object:
        return await store.rows(asked["tenant"], asked["user"], asked["thread"])

    async def story(asked: dict[str, str]) -> object:
        return await store.story(asked["tenant"], asked["user"], asked["thread"], asked["turn"])

    return [_route("token", token), _route("rows", rows), _route("story", story)]


def _route(name: str, answer: Callable[[dict[str, str]], Coroutine[Any, Any, object]]) -> Route:
    async def endpoint(request: Request) -> Response:
        if HEADER not in request.headers:
            return JSONResponse({"error": {"code": "forbidden", "message": "Only the playground may ask."}}, 403)
        try:
            body = await answer(await request.json())
        except (KeyError, ValueError) as error:
            return JSONResponse({"error": {"code": "invalid_request", "message": f"Not a request: {error}"}}, 400)
        content = json.dumps(body, default=_plain, ensure_ascii=False)
        return Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})

    return Route(f"/panel/{name}", endpoint, methods=["POST"])


def _plain(value: object) -> str:
    return f"({len(value)} bytes)" if isinstance(value, bytes) else str(value)


class _Store:
    """The table as it is. The layer is loaded with the first question."""

    def __init__(self) -> None:
        self._resources: Resources | None = None

    @property
    def resources(self) -> Resources:
        from assistant.context import Resources

        if self._resources is None:
            self._resources = Resources()
        return self._resources

    async def rows(self, tenant: str, user: str, thread: str) -> list[dict[str, Any]]:
        from assistant.aws import keys

        pk = keys.ThreadRef(tenant, user, thread).partition
        found, _ = await self.resources.table.query(pk, between=ALL_ROWS, limit=MAX_ROWS)
        return [await self._shown(row) for row in found]

    async def _shown(self, row: Row) -> dict[str, Any]:
        from assistant.aws import keys
        from assistant.threads import load_item

        shown: dict[str, Any] = dict(row)
        if row["sk"].startswith(keys.ITEM_PREFIX):
            body = await self.resources.objects.get(row["object"]) if "object" in row else None
            shown["item"] = load_item(row, body).model_dump(mode="json", exclude_none=True)
        return shown

    async def story(self, tenant: str, user: str, thread: str, turn: str) -> dict[str, Any] | None:
        from assistant.aws import keys
        from scripts.show import find

        found = await find(self.resources, turn, keys.ThreadRef(tenant, user, thread).partition)
        if found is None:
            return None
        items = [{"id": row["id"], "type": row["type"], "bytes": row.get("size", 0)} for row in found.items]
        return {**found.row, "items": items}
