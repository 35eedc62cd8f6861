"""Passages in a DynamoDB table with one vector index. A space is a partition, and the index searches one partition."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from assistant.aws import keys
from assistant.aws.keys import Key, Space
from assistant.context import Resources
from assistant.passages.embedding import Embedder, embedder_of
from assistant.passages.store import Hit, Passage, PassageStore

SCHEMA_VERSION = 1
# More searches at once would delay a turn's other calls. Each one holds a thread.
SEARCHES_AT_ONCE = 4
# DynamoDB's batch of writes.
ROWS_AT_ONCE = 25
# DynamoDB bills each digit, and more digits do not change the order of hits.
DIGITS = 6
# The cosine distance of texts that have nothing in common.
UNRELATED = 1.0
REMOVED_AT_ONCE = 500


class DynamoPassages(PassageStore):
    """The template's own store.

    Args:
        resources: The table of passages, and the settings of embeddings.
    """

    def __init__(self, resources: Resources) -> None:
        self._table = resources.passages
        self._embedder: Embedder = embedder_of(resources.settings)
        self._dimensions = resources.settings.knowledge.dimensions
        self._searching = asyncio.Semaphore(SEARCHES_AT_ONCE)

    @property
    def model(self) -> str:
        """The model and the length of its vectors."""
        return f"{self._embedder.model}/{self._dimensions}"

    def price(self, characters: int) -> float:
        """Return the dollars by the table of prices."""
        return self._embedder.price(characters)

    async def put(self, space: Space, passages: Sequence[Passage], expires_at: int | None = None) -> None:
        """Embed the passages and write them. Skip a passage without words, because its vector has no direction."""
        vectors = await self._embedder.embed([passage.text for passage in passages], question=False)
        rows = [
            self._row(space, passage, vector, expires_at)
            for passage, vector in zip(passages, map(_unit, vectors), strict=True)
            if vector is not None
        ]
        batches = [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]
        await asyncio.gather(*(self._table.put_many(batch) for batch in batches))

    def _row(self, space: Space, passage: Passage, vector: list[float], expires_at: int | None) -> dict[str, Any]:
        return {
            "pk": space.passages,
            "sk": keys.passage_sk(passage.document_id, passage.generation, passage.number),
            "schema_version": SCHEMA_VERSION,
            "doc": passage.document_id,
            "gen": passage.generation,
            "n": passage.number,
            "text": passage.text,
            "title": passage.title,
            "page": passage.page,
            "model": self.model,
            "ttl": expires_at,
            f"v{self._dimensions}": vector,
        }

    async def search(self, spaces: Sequence[Space], question: str, most: int) -> list[Hit]:
        """Embed the question once, and search the spaces side by side."""
        [vector] = map(_unit, await self._embedder.embed([question], question=True))
        if vector is None:
            return []
        found = await asyncio.gather(*(self._search(space, vector, most) for space in spaces))
        return sorted((hit for hits in found for hit in hits), key=lambda hit: hit.distance)

    async def _search(self, space: Space, vector: list[float], most: int) -> list[Hit]:
        async with self._searching:
            found = await self._table.search(f"meaning-{self._dimensions}", space.passages, vector, most)
        return [
            Hit(space, _passage(row), distance)
            for row, distance in found
            # A table whose model has changed still has passages of the old one until they are read again.
            if row["model"] == self.model and distance < UNRELATED
        ]

    async def remove(
        self, space: Space, document_id: str | None = None, generations: Sequence[str] | None = None
    ) -> None:
        """Remove passages page by page."""
        if document_id is None:
            prefixes = [keys.PASSAGE_PREFIX]
        elif generations is None:
            prefixes = [keys.passage_prefix(document_id)]
        else:
            prefixes = [keys.passage_prefix(document_id, generation) for generation in generations]
        for prefix in prefixes:
            await self._remove(space.passages, prefix)

    async def _remove(self, pk: str, prefix: str) -> None:
        # A prefix ends in `#`, which `$` follows.
        between, more = (prefix, f"{prefix[:-1]}$"), True
        after: str | None = None
        while more:
            rows, more = await self._table.query(
                pk, after=after, between=between, limit=REMOVED_AT_ONCE, keys_only=True
            )
            await self._table.delete_many([Key(row["pk"], row["sk"]) for row in rows])
            after = rows[-1]["sk"] if rows else after


def _passage(row: dict[str, Any]) -> Passage:
    return Passage(row["doc"], row["gen"], row["n"], row["text"], row["title"], row.get("page"))


def _unit(vector: Sequence[float]) -> list[float] | None:
    """Return the vector with the length 1, rounded; None for a vector without a direction."""
    length = math.sqrt(sum(number * number for number in vector))
    return [round(number / length, DIGITS) for number in vector] if length > 0 else None
