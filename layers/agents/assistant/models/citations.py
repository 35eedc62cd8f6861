"""Read one citation of an answer on the Responses API in any server's dialect, and return it in OpenAI's form."""

from __future__ import annotations

from typing import Any

from assistant.models.counts import count_of
from assistant.models.surrogates import without_lone_surrogates

Json = dict[str, Any]

# The texts and the places that each kind of citation has. ChatKit (1.6.5) raises on a citation that lacks one.
_TEXTS: dict[str, tuple[str, ...]] = {
    "url_citation": ("url", "title"),
    "file_citation": ("file_id", "filename"),
    "container_file_citation": ("container_id", "file_id", "filename"),
}
_PLACES: dict[str, tuple[str, ...]] = {
    "url_citation": ("start_index", "end_index"),
    "file_citation": ("index",),
    "container_file_citation": ("start_index", "end_index"),
}
# A page shows the address as a link.
_LINKS = ("https://", "http://")


def known_citation(given: Any) -> Json | None:
    """Return a citation in OpenAI's form, or None for one that nobody can show."""
    kind = given.get("type") if isinstance(given, dict) else None
    if not isinstance(kind, str) or kind not in _TEXTS:
        return None
    if kind == "url_citation" and not isinstance(given.get("title"), str):
        given = {**given, "title": given.get("url")}
    known: Json = {"type": kind}
    for name in _TEXTS[kind]:
        if not isinstance(given.get(name), str):
            return None
        known[name] = without_lone_surrogates(given[name])
    if kind == "url_citation" and not known["url"].lower().startswith(_LINKS):
        return None
    return known | {name: count_of(given.get(name)) or 0 for name in _PLACES[kind]}
