"""Search the caller's spaces, and check each hit against its document's row before it is used.

The index follows its table after a moment, and a passage may be there before its document is switched over or after it
is gone. So a hit counts only if a consistent read finds its document, with the hit's own generation.
"""

from __future__ import annotations

from assistant import quotas
from assistant.aws import Row
from assistant.aws.keys import Key
from assistant.context import KNOWLEDGE, RequestContext
from assistant.knowledge.limits import CANDIDATES, MAX_PASSAGES, MAX_QUESTION_CHARACTERS
from assistant.knowledge.rows import is_searchable
from assistant.knowledge.spaces import searched_spaces
from assistant.passages import Hit, passage_store


async def search(
    context: RequestContext, question: str, *, thread_id: str | None = None, most: int = MAX_PASSAGES
) -> list[Hit]:
    """Return the passages that fit a question best, the nearest first.

    Args:
        context: The request's context. Its caller decides what is searched.
        question: The question.
        thread_id: The thread whose own documents are searched too.
        most: The greatest number of passages, at most `CANDIDATES`.

    Raises:
        QuotaExceededError: a limit on money is reached.
        StoreUnavailableError, ModelError: it cannot be searched now.
    """
    context.read_outside(KNOWLEDGE)
    question = question.strip()[:MAX_QUESTION_CHARACTERS]
    if not question:
        return []
    store = passage_store(context.resources)
    dollars = store.price(len(question))
    if dollars > 0:
        await quotas.claim("search", context, dollars)
    spaces = await searched_spaces(context, thread_id)
    found = (await store.search(spaces, question, CANDIDATES))[: CANDIDATES * len(spaces)]
    return (await current(context, found))[: min(most, CANDIDATES)]


async def current(context: RequestContext, hits: list[Hit]) -> list[Hit]:
    """Return the hits whose documents exist, have not expired, and have the hit's generation."""
    if not hits:
        return []
    rows = await context.resources.table.get_many([_key(hit) for hit in hits])
    return [hit for hit in hits if _is_current(hit, rows.get(_key(hit)))]


def _key(hit: Hit) -> Key:
    return hit.space.document(hit.passage.document_id)


def _is_current(hit: Hit, row: Row | None) -> bool:
    return (
        row is not None
        and is_searchable(row)
        and row["gen"] == hit.passage.generation
        and row.get("group") == hit.space.group
    )
