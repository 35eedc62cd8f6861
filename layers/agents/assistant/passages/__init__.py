"""Passages of documents: the stores that keep and search them, and the embeddings of the template's own store.

This package knows no documents: `assistant.knowledge` has them. Without the setting `KNOWLEDGE`, nothing loads it.
"""

from assistant.passages.store import Hit, Passage, PassageStore, passage_store

__all__ = ["Hit", "Passage", "PassageStore", "passage_store"]
