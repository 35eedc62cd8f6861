"""`GET /chatkit/api/entities`: search and preview mentions, for ChatKit's `onTagSearch` and `onRequestPreview`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from assistant.api.errors import json_response
from assistant.api.services import CurrentContext
from assistant.hooks import needed_hook

router = APIRouter()

# Longer than any name that a user types.
MAX_QUERY_CHARACTERS = 200
# The ids of cited documents start with it.
CITED = "knowledge."


@router.get("/chatkit/api/entities")
async def entities(
    context: CurrentContext, query: Annotated[str, Query(max_length=MAX_QUERY_CHARACTERS)] = ""
) -> Response:
    """Return the entities that match a query, as `onTagSearch` expects them."""
    search = needed_hook(context.settings, "search_entities", "mentions")
    return json_response({"entities": await search(query, context)})


@router.get("/chatkit/api/entities/{entity_id}")
async def preview(context: CurrentContext, entity_id: str) -> Response:
    """Return an entity's preview, as `onRequestPreview` expects it. That of a cited document has its link, as `url`."""
    if context.settings.knowledge.on and entity_id.startswith(CITED):
        from assistant import knowledge

        return json_response(await knowledge.preview(context, entity_id))
    show = needed_hook(context.settings, "preview_entity", "previews")
    widget = await show(entity_id, context)
    return json_response({"preview": widget.model_dump(mode="json", by_alias=True, exclude_none=True)})
