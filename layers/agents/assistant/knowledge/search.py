"""Search the caller's spaces, and check each hit against its document's row before it is used."""

from __future__ import annotations

from assistant import quotas
from assistant.context import KNOWLEDGE, RequestContext
from assistant.errors import StoreUnavailableError
from assistant.knowledge.limits import CANDIDATES, MAX_PASSAGES, MAX_QUESTION_CHARACTERS
from assistant.passages import Hit, current, passage_store, searched_spaces

# The error's usual text speaks of conversations. The model tells this one to the user.
_NOT_NOW = "The documents cannot be searched at the moment. Please try again."


async def search(
    context: RequestContext, question: str, *, thread_id: str | None = None, most: int = MAX_PASSAGES
) -> list[Hit]:
    """Return the passages that fit a question best, the nearest first.

    Args:
        context: The request's context. Its caller decides which spaces are searched.
        question: The question.
        thread_id: The thread whose own documents are searched too.
        most: The greatest number of passages, at most `CANDIDATES`.

    Raises:
        QuotaExceededError: a limit on money is reached.
        StoreUnavailableError, ModelError: the search is not possible now.
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
    try:
        found = (await store.search(spaces, question, CANDIDATES))[: CANDIDATES * len(spaces)]
        counting = await current(context.resources.table, (hit.origin for hit in found))
    except StoreUnavailableError as error:
        raise StoreUnavailableError(_NOT_NOW) from error
    return [hit for hit in found if hit.origin in counting][: min(most, CANDIDATES)]
