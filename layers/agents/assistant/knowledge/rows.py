"""A document's row: its states, and what a client sees of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from assistant.aws import Row
from assistant.aws.keys import Space
from assistant.passages import is_searchable

DOCUMENT_KIND = "document"
SCHEMA_VERSION = 1

# `uploading`: the bytes are missing. `queued`: it waits for the function `ingest`. `working`: it is being read.
State = Literal["uploading", "queued", "working", "ready", "failed"]
# Why a document could not be read. A client shows its own words for each code.
Reason = Literal["unreadable", "no_text", "too_many_pages", "too_long", "too_slow", "quota", "missing", "gave_up"]


@dataclass(frozen=True)
class Document:
    """A document as a client sees it.

    Attributes:
        id: Its id.
        name: Its name.
        mime_type: Its checked media type.
        state: The state of its newest version. A searchable document may be in any state.
        searchable: Whether a version of it can be searched.
        done: How many passages of the newest version are stored.
        total: How many passages the newest version has; None until this is known.
        reason: Why the newest version could not be read; None otherwise.
        size: The bytes of the newest version.
        group: The group of the tenant whose users find it; None for all users of its space.
        created_at: When it was added, in ISO form.
        expires_at: When it is removed, in ISO form; None for never.
    """

    id: str
    name: str
    mime_type: str
    state: State
    searchable: bool
    done: int
    total: int | None
    reason: Reason | None
    size: int
    group: str | None
    created_at: str
    expires_at: str | None


def document_of(row: Row) -> Document:
    """Return the document in a row."""
    expires = row.get("expires_at")
    return Document(
        id=row["id"],
        name=row.get("new_name") or row["name"],
        mime_type=row.get("new_type") or row["type"],
        state=row["state"],
        searchable=is_searchable(row),
        done=row.get("done", 0),
        total=row.get("total"),
        reason=row.get("reason"),
        size=row.get("new_size") or row["size"],
        group=row.get("group"),
        created_at=row["created_at"],
        expires_at=None if expires is None else datetime.fromtimestamp(expires, UTC).isoformat(),
    )


def space_fields(space: Space) -> dict[str, Any]:
    """Return a space as attributes of a row of the sweep's work."""
    return {name: value for name, value in space._asdict().items() if value is not None}


def space_of(fields: Row) -> Space:
    """Return the space in the attributes that `space_fields` returns."""
    return Space(fields["tenant_id"], fields.get("user_id"), fields.get("thread_id"), fields.get("group"))
