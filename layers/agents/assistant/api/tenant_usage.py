"""`GET /chatkit/api/usage/tenant`: an admin reads the usage of their tenant by user, model and day, as JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response

from assistant.api.errors import JSON_HEADERS, json_response
from assistant.api.services import CurrentAdmin

if TYPE_CHECKING:
    from assistant.upkeep import Used

router = APIRouter()

# A spreadsheet reads a cell with one of these first characters as a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    "day",
    "user_id",
    "model",
    "turns",
    "tokens",
    "dollars",
    "pictures",
    "transcriptions",
    "uploads",
    "documents",
)
# A user's id in a key has 600 bytes at most. A cursor has a few characters before one.
MAX_ID_CHARACTERS, MAX_CURSOR_CHARACTERS = 600, 650


@router.get("/chatkit/api/usage/tenant")
async def usage(
    context: CurrentAdmin,
    first: str | None = None,
    last: str | None = None,
    by: Literal["entry", "day", "user", "model", "tenant"] = "entry",
    user_id: Annotated[str | None, Query(min_length=1, max_length=MAX_ID_CHARACTERS)] = None,
    after: Annotated[str | None, Query(min_length=1, max_length=MAX_CURSOR_CHARACTERS)] = None,
    format: Literal["json", "csv"] = "json",  # noqa: A002 - the name in the query
) -> Response:
    """Return the usage of a period, for up to 200 users. `next`, or the header `x-next`, is the `after` of the next."""
    from assistant import audit, upkeep

    tenant_id = context.caller.tenant_id
    days = upkeep.period(first, last)
    found = await upkeep.tenant_usage(context.resources, tenant_id, days, by=by, user_id=user_id, after=after)
    note = audit.entry(
        context.resources,
        "usage.read",
        by=context.caller,
        tenant_id=tenant_id,
        about=user_id,
        first=days[0].isoformat(),
        last=days[1].isoformat(),
        sums=by,
    )
    await audit.record(context.resources, note)
    if format == "csv":
        more = {} if found.following is None else {"x-next": quote(found.following, safe="")}
        # Who opens the file must see that more users follow.
        part = "" if after is None and found.following is None else "-part"
        name = f'attachment; filename="usage-{days[0]}-{days[1]}{part}.csv"'
        headers = {**JSON_HEADERS, "content-disposition": name, **more}
        return Response(_csv(found.entries), headers=headers, media_type="text/csv; charset=utf-8")
    documents = [{"user_id": user, "documents": count} for user, count in found.stored_documents.items()]
    return json_response(
        {
            "first": days[0].isoformat(),
            "last": days[1].isoformat(),
            "by": by,
            "data": [each.shown() for each in found.entries],
            "stored_documents": documents,
            "next": found.following,
        }
    )


def _csv(entries: Sequence[Used]) -> str:
    """Return entries as lines. No cell is a formula."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    for each in entries:
        shown = each.shown()
        lines.writerow([_cell(shown[column]) for column in COLUMNS])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULAS) else value
    return "" if value is None else value
