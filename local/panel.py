"""The developer's panel: routes that give the dev server's page tokens of users, stored rows, turns and failures.

The panel gives a token of any user without a check. So it answers only a page of this server, on this machine: see
`is_open`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.settings import ANY_HOST, DevSettings
from local.spans import Spans
from local.tokens import AUDIENCE, issue_token

if TYPE_CHECKING:
    from assistant.aws import Row
    from assistant.context import Resources

# A page of another origin cannot send this header without a preflight request, which nobody answers here.
HEADER = "x-playground"
# Rows of one thread that are shown, the oldest first.
MAX_ROWS = 300
# A turn measures its time, then stores its end: calls that begin so much later, in seconds, still belong to it.
ENDING_SECONDS = 0.5
# Around every sort key of a thread's partition.
ALL_ROWS = (" ", "~~")


def is_open(environment: Mapping[str, str]) -> bool:
    """Tell whether the panel is served: only to this machine, and only with tokens of the dev server's own key."""
    return environment.get("HOST", "").strip() != ANY_HOST and environment.get("AUTH_AUDIENCE") == AUDIENCE


def panel_routes(environment: Mapping[str, str], settings: DevSettings, spans: Spans | None) -> list[Route]:
    """Return the panel's routes; none where it is not open.

    Args:
        environment: The functions' environment.
        settings: The dev server's settings.
        spans: The functions' calls; None if nobody takes them.
    """
    if not is_open(environment):
        return []
    store = _Store(settings, spans)

    async def token(asked: dict[str, str]) -> object:
        return {"token": issue_token(settings.keys, user=asked["user"], tenant=asked["tenant"], role=asked["role"])}

    async def rows(asked: dict[str, str]) -> object:
        return await store.rows(asked["tenant"], asked["user"], asked["thread"])

    async def story(asked: dict[str, str]) -> object:
        found = await store.story(asked["tenant"], asked["user"], asked["thread"], asked["turn"])
        return None if found is None else {**found, **store.calls(found, asked["process"], float(asked["since"]))}

    async def failures(asked: dict[str, str]) -> object:
        return spans.failures() if spans else []

    return [_route("token", token), _route("rows", rows), _route("story", story), _route("failures", failures)]


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

    def __init__(self, settings: DevSettings, spans: Spans | None) -> None:
        self._resources: Resources | None = None
        self._spans = spans

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
        from assistant.prices import cost
        from scripts.show import find

        found = await find(self.resources, turn, keys.ThreadRef(tenant, user, thread).partition)
        if found is None:
            return None
        items = [{"id": row["id"], "type": row["type"], "bytes": row.get("size", 0)} for row in found.items]
        tokens = int(found.row.get("input_tokens", 0)), int(found.row.get("output_tokens", 0))
        return {
            **found.row,
            "items": items,
            "dollars": cost(self.resources.settings.prices, found.row.get("model"), *tokens),
        }

    def calls(self, story: Mapping[str, Any], process: str, since: float) -> dict[str, Any]:
        """Return the calls that a turn waited for, and how many of them went to the table and to the bucket.

        Args:
            story: The turn.
            process: The function that ran it: `chat` or `stream`.
            since: When the page sent the request, in seconds of this machine's clock.
        """
        ended = story.get("ended_at")
        end = datetime.fromisoformat(ended).timestamp() + ENDING_SECONDS if ended else time.time()
        spans = self._spans.of(process, since, end) if self._spans else []
        services = [span["service"] for span in spans]
        return {"spans": spans, "round_trips": {name: services.count(name) for name in ("DynamoDB", "S3")}}
