"""Knowledge: documents that are cut into passages, searched by a tool, and cited in answers.

A document belongs to a space: a tenant's, a group's within the tenant, a user's or a thread's. The spaces of a search
come from the caller's token. Without the setting `KNOWLEDGE`, nothing loads this package, except an agents' package
that imports `search_knowledge`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assistant.knowledge.copying import copy_documents
from assistant.knowledge.documents import (
    EXPIRED_KIND,
    INGEST_KIND,
    UNFINISHED_KIND,
    Upload,
    announce,
    check_thread,
    checked_days,
    complete,
    load,
    original_url,
    page,
    remove,
    space_of_document,
)
from assistant.knowledge.reading import ingest, sweep_ingest
from assistant.knowledge.removal import (
    REST_KIND,
    forget_unfinished,
    objects_of,
    remove_rest,
    sweep_expired,
)
from assistant.knowledge.rows import Document, document_of, space_of
from assistant.knowledge.search import search
from assistant.knowledge.sources import PREFIX, copied_entity_id, preview
from assistant.knowledge.spaces import is_editor, managed_space

if TYPE_CHECKING:
    from assistant.knowledge.tool import search_knowledge as search_knowledge

__all__ = [
    "EXPIRED_KIND",
    "INGEST_KIND",
    "PREFIX",
    "REST_KIND",
    "UNFINISHED_KIND",
    "Document",
    "Upload",
    "announce",
    "check_thread",
    "checked_days",
    "complete",
    "copied_entity_id",
    "copy_documents",
    "document_of",
    "forget_unfinished",
    "ingest",
    "is_editor",
    "load",
    "managed_space",
    "objects_of",
    "original_url",
    "page",
    "preview",
    "remove",
    "remove_rest",
    "search",
    "search_knowledge",
    "space_of",
    "space_of_document",
    "sweep_expired",
    "sweep_ingest",
]


def __getattr__(name: str) -> Any:
    """Load the tool when an agents' package imports it: the tool loads the Agents SDK, and a route does not need it."""
    if name == "search_knowledge":
        from assistant.knowledge.tool import search_knowledge

        return search_knowledge
    raise AttributeError(name)
