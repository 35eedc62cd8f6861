"""Passages of documents: the stores that keep and search them, embeddings, and the check of what a caller may read.

This package makes and changes no documents: `assistant.knowledge` does. Without the setting `KNOWLEDGE`, nothing loads
it.
"""

from assistant.passages.checks import current, is_searchable
from assistant.passages.spaces import groups_of, may_have_own, searched_spaces
from assistant.passages.store import Hit, Passage, PassageStore, passage_store

__all__ = [
    "Hit",
    "Passage",
    "PassageStore",
    "current",
    "groups_of",
    "is_searchable",
    "may_have_own",
    "passage_store",
    "searched_spaces",
]
