"""`GET /chatkit/api/search`: a user searches their own threads by words. `HISTORY_SEARCH` turns the route on."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from assistant.api.errors import json_response
from assistant.api.services import CurrentContext
from assistant.errors import NotFoundError

router = APIRouter()

DEFAULT_HITS = 10


@router.get("/chatkit/api/search")
async def search(
    context: CurrentContext,
    q: str = "",
    after: str | None = None,
    limit: int = DEFAULT_HITS,
) -> Response:
    """Return `{"data": […], "next": …, "complete": …}`. `next` is the `after` of the next page."""
    if not context.settings.history_search:
        raise NotFoundError
    # Imported here so that other requests start without it.
    from assistant import search as searching

    found = await searching.search(q, context, after=after, limit=limit)
    data = [
        {
            "thread_id": hit.thread_id,
            "title": hit.title,
            "created_at": hit.created_at,
            "item_id": hit.item_id,
            "snippet": [piece._asdict() for piece in hit.snippet],
        }
        for hit in found.hits
    ]
    return json_response({"data": data, "next": found.following, "complete": found.complete})
