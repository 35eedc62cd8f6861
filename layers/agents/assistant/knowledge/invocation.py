"""Start the function `ingest` for a document, without waiting for it."""

from __future__ import annotations

from assistant.aws import invoke_later
from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.knowledge.rows import space_fields


def event_of(space: Space, document_id: str) -> dict[str, str]:
    """Return the event for the function."""
    return {"document_id": document_id, **space_fields(space)}


async def start(resources: Resources, space: Space, document_id: str) -> bool:
    """Start the function, and return whether it was started. If not, the sweep starts it again."""
    return await invoke_later(resources.settings.knowledge.ingest_function, event_of(space, document_id))
