"""Measure the search of documents: precision beside BM25, round trips and cost of a search, and the time of an ingest.

    python -m benchmarks.knowledge

Forty fables are forty documents of a tenant, on the local AWS, with the lexical embedding that needs no key. With
EMBEDDING_PROVIDER and a key, the same is measured with a provider's embeddings. BM25 ranks the same texts in memory.
Prints tables and writes bench-results/knowledge.json.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from assistant.aws.keys import Space
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.ids import new_id, uuid7
from assistant.knowledge import ingest, search
from benchmarks.knowledge_fables import FABLES, QUESTIONS
from local.emulator import Emulator
from tests.support.aws import make_table_and_bucket
from tests.support.documents import pdf
from tests.support.faults import failing
from tests.support.knowledge import with_knowledge

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench-results" / "knowledge.json"
TENANT, USER = Space("acme"), Caller("acme", "ann")
# BM25's usual parameters.
K1, B = 1.2, 0.75
PAGES = 200
# The settings of a provider's embeddings.
OF_EMBEDDINGS = ("EMBEDDING_", "OPENAI_", "GEMINI_")
# us-east-1, from the design: dollars for a gigabyte that a search examines, and for a million reads of a row.
EXAMINED_GB, READS = 0.002, 0.125
# What AWS names as an example of what a search examines.
EXAMINED_BYTES = 40_000


async def _write(resources: Resources, name: str, body: bytes, media_type: str) -> float:
    """Store a document that waits, read it, and return the seconds of the reading."""
    document = new_id("doc")
    key = f"{TENANT.object_prefix}{document}"
    await resources.objects.put(key, body, media_type)
    row: dict[str, Any] = {"id": document, "state": "queued", "attempts": 0, "by": "root", "created_at": "now"}
    row |= {"name": name, "type": media_type, "size": len(body)}
    row |= {"new_name": name, "new_type": media_type, "new_size": len(body), "new_original": key}
    await resources.table.put(TENANT.document(document), row)
    started = time.perf_counter()
    assert await ingest(resources, TENANT, document)
    seconds = time.perf_counter() - started
    stored = await resources.table.get(TENANT.document(document))
    assert stored is not None
    assert stored["state"] == "ready", stored
    return seconds


def bm25() -> Callable[[str], list[str]]:
    """Return a function that ranks the fables' titles for a question."""
    texts = {title: re.findall(r"\w+", f"{title} {text}".lower()) for title, text in FABLES.items()}
    counts = {title: Counter(words) for title, words in texts.items()}
    mean = sum(map(len, texts.values())) / len(texts)
    found = Counter(word for words in counts.values() for word in words)

    def score(title: str, words: list[str]) -> float:
        total = 0.0
        for word in words:
            often = counts[title][word]
            rarity = math.log(1 + (len(texts) - found[word] + 0.5) / (found[word] + 0.5))
            total += rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * len(texts[title]) / mean))
        return total

    return lambda question: sorted(texts, key=lambda title: -score(title, re.findall(r"\w+", question.lower())))


def precision(rank: dict[str, list[str]]) -> dict[str, dict[str, float]]:
    """Return precision at 1, recall at 3 and the mean reciprocal rank, of all questions and of each kind."""
    rows: dict[str, dict[str, float]] = {}
    for kind in ("all", "same", "typing", "other"):
        places = []
        for question in QUESTIONS:
            if kind in ("all", question.kind):
                found = rank[question.text]
                places.append(found.index(question.fable) + 1 if question.fable in found else math.inf)
        rows[kind] = {
            "questions": len(places),
            "P@1": round(sum(place == 1 for place in places) / len(places), 2),
            "R@3": round(sum(place <= 3 for place in places) / len(places), 2),
            "MRR": round(sum(1 / place for place in places) / len(places), 2),
        }
    return rows


async def measure() -> dict[str, Any]:
    """Return all figures."""
    with tempfile.TemporaryDirectory() as folder, Emulator(Path(folder)) as emulator:
        aws = make_table_and_bucket(emulator)
        os.environ |= aws.environment()
        own = {
            name: value for name, value in os.environ.items() if name.startswith(("EMBEDDING_", "OPENAI_", "GEMINI_"))
        }
        resources = with_knowledge(aws, **own)
        for title, text in FABLES.items():
            await _write(resources, f"{title}.txt", f"{title}. {text}".encode(), "text/plain")
        context = RequestContext(USER, resources)
        ours: dict[str, list[str]] = {}
        seconds: list[float] = []
        with failing(resources.table.client, None) as calls:
            for question in QUESTIONS:
                started = time.perf_counter()
                hits = await search(context, question.text)
                seconds.append(time.perf_counter() - started)
                ours[question.text] = [hit.passage.title.removesuffix(".txt") for hit in hits]
        by_words = bm25()
        model = resources.settings.knowledge.model
        long = pdf(*[f"Page {number}. The heron number {number} wades at dawn and at dusk." for number in range(PAGES)])
        return {
            "precision": {
                model: precision(ours),
                "BM25": precision({each.text: by_words(each.text) for each in QUESTIONS}),
            },
            "calls of DynamoDB a search": {
                name: count / len(QUESTIONS) for name, count in sorted(Counter(calls.seen).items())
            },
            "milliseconds a search, local AWS": round(1000 * sorted(seconds)[len(seconds) // 2], 1),
            "dollars for a million searches of one space": round(
                EXAMINED_BYTES / 1e9 * EXAMINED_GB * 1e6 + READS * 8, 2
            ),
            f"seconds for a PDF of {PAGES} pages, local AWS": round(
                await _write(resources, f"{uuid7()}.pdf", long, "application/pdf"), 1
            ),
        }


def main() -> None:
    """Print the figures and write them."""
    # A local AWS on a busy machine takes its time.
    with patch("assistant.aws.table.TABLE_CALL_SECONDS", 60.0):
        figures = asyncio.run(measure())
    print(f"{'precision':26} {'kind':8} {'questions':>9} {'P@1':>6} {'R@3':>6} {'MRR':>6}")
    for name, rows in figures["precision"].items():
        for kind, row in rows.items():
            print(f"{name:26} {kind:8} {row['questions']:9} {row['P@1']:6.2f} {row['R@3']:6.2f} {row['MRR']:6.2f}")
    for name, value in figures.items():
        if name != "precision":
            print(f"{name}: {value}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
