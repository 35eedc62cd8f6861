"""A store of passages of one's own, for `KNOWLEDGE=tests.support.shelf:make`: all passages in this process's memory."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.passages import Hit, Passage, PassageStore

SHELF: dict[Space, list[Passage]] = {}


class Shelf(PassageStore):
    """Finds the passages that have a word of the question."""

    @property
    def model(self) -> str:
        """One model for ever."""
        return "words"

    async def put(self, space: Space, passages: Sequence[Passage], expires_at: int | None = None) -> None:
        """Keep the passages."""
        kept = SHELF.setdefault(space, [])
        kept += [passage for passage in passages if passage not in kept]

    async def search(self, spaces: Sequence[Space], question: str, most: int) -> list[Hit]:
        """Return the passages with a word of the question."""
        words = question.lower().split()
        return [
            Hit(space, passage, 0.5)
            for space in spaces
            for passage in SHELF.get(space, [])
            if any(word in passage.text.lower() for word in words)
        ][:most]

    async def remove(
        self, space: Space, document_id: str | None = None, generations: Sequence[str] | None = None
    ) -> None:
        """Forget the passages."""
        SHELF[space] = [
            each
            for each in SHELF.get(space, [])
            if document_id is not None
            and (each.document_id != document_id or (generations is not None and each.generation not in generations))
        ]


def make(resources: Resources) -> PassageStore:
    """Return the store."""
    return Shelf()
