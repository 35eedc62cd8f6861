"""The id of a cited document for clients, and the preview of an id: it has a link that expires soon.

The id names a kind of space and a document. Tenant and user come from the token of the request. So an id that another
user has seen or guessed names a document in the caller's own space only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from assistant.aws.keys import Space
from assistant.context import RequestContext
from assistant.errors import NotFoundError
from assistant.knowledge import documents
from assistant.knowledge.limits import LINK_SECONDS
from assistant.passages import Hit, groups_of, is_searchable, may_have_own
from assistant.texts import in_language
from assistant.widgets import widget

PREFIX = "knowledge."


def entity_id(hit: Hit) -> str:
    """Return the id under which a client asks for a passage's document."""
    space = hit.space
    parts = [documents.scope_of(space), hit.passage.document_id, str(hit.passage.page or "")]
    if (more := space.thread_id or space.group) is not None:
        parts.append(more)
    return _joined(parts)


def copied_entity_id(asked: str, source_id: str, target_id: str, named: Callable[[str], str]) -> str:
    """Return the id of the copy of a thread's document in another thread; other ids stay as they are."""
    parts = [unquote(part) for part in asked.removeprefix(PREFIX).split(".")]
    if not asked.startswith(PREFIX) or len(parts) != 4 or (parts[0], parts[3]) != ("thread", source_id):
        return asked
    return _joined(["thread", named(parts[1]), parts[2], target_id])


def _joined(parts: list[str]) -> str:
    return PREFIX + ".".join(quote(part, safe="").replace(".", "%2E") for part in parts)


async def preview(context: RequestContext, asked: str) -> dict[str, Any]:
    """Return the preview of a cited document, and the link to it.

    Raises:
        NotFoundError: the caller has no such document now.
    """
    space, document_id, page = await _parsed(context, asked)
    row = await documents.load(context, space, document_id)
    if not is_searchable(row):
        raise NotFoundError("There is no such document.")
    url = await documents.original_url(context, row, LINK_SECONDS)
    if page:
        url += f"#page={page}"
    texts = [{"type": "Text", "value": row["name"]}]
    if page:
        texts.append({"type": "Caption", "value": in_language(f"Page {page}", context.language)})
    shown = widget({"type": "Basic", "children": texts})
    return {"preview": shown.model_dump(mode="json", by_alias=True, exclude_none=True), "url": url}


async def _parsed(context: RequestContext, asked: str) -> tuple[Space, str, str]:
    caller = context.caller
    scope, document_id, page, more = ([unquote(part) for part in asked.removeprefix(PREFIX).split(".")] + [""] * 4)[:4]
    own = may_have_own(context.settings, caller)
    space: Space | None = None
    match scope:
        case "tenant":
            space = Space(caller.tenant_id)
        case "group" if more in await groups_of(context):
            space = Space(caller.tenant_id, group=more)
        case "user" if own:
            space = Space(caller.tenant_id, caller.user_id)
        case "thread" if own and more:
            space = Space(caller.tenant_id, caller.user_id, more)
        case _:
            pass
    if space is None or not document_id:
        raise NotFoundError("There is no such document.")
    return space, document_id, page if page.isdecimal() else ""
