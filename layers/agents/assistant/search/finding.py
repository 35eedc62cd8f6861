"""Search a user's threads by words: the newest thread first, each hit with a snippet.

The thread list decides which threads exist, so a search stops finding a deleted thread at once. The rows with words
say which threads to read, and the messages of a thread decide whether it is a hit.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chatkit.types import ThreadItem

from assistant.aws import Row, keys
from assistant.context import RequestContext
from assistant.cursors import cursor_of, place_of
from assistant.errors import ConflictError, InvalidRequestError
from assistant.search.rebuilding import fill_work, is_shown, rebuild
from assistant.search.rows import index_text, is_searched, text_of, words_key
from assistant.search.snippets import Piece, found_in, snippet
from assistant.search.switched import are_complete, on_since
from assistant.search.words import MAX_TERMS, Term, terms_of
from assistant.threads import is_visible, load_metadata, read_items, thread_store, unpack

# Longer than any search that a person types.
MAX_QUERY_CHARACTERS = 200
MAX_HITS = 20
# Threads whose words one request reads, about 4 MB. The next page continues from there.
MAX_THREADS = 2_500
# Most people look for something recent. The later pages are as large as one Query's answer of 1 MB allows.
FIRST_PAGE_THREADS, PAGE_THREADS = 100, 500
# Threads that lack words and get them from a request. The sweep does the rest.
FILL_AT_ONCE = 25
# Threads that a request looks into at once.
LOOK_AT_ONCE = 5
# Messages of a thread that a request reads for a snippet. In a longer thread a hit may have none.
MAX_READ_ITEMS = 300
STEP_ITEMS = 100


@dataclass(frozen=True)
class Hit:
    """A thread with the words.

    Attributes:
        thread_id: The thread.
        title: Its title.
        created_at: When it began, ISO 8601.
        item_id: The message of the snippet; None if no message among the newest `MAX_READ_ITEMS` has a word.
        snippet: A piece of that message.
    """

    thread_id: str
    title: str | None
    created_at: str
    item_id: str | None
    snippet: Sequence[Piece]


@dataclass(frozen=True)
class Found:
    """A page of hits.

    Attributes:
        hits: The hits, the newest thread first.
        following: The cursor of the next page; None on the last one.
        complete: Whether all threads up to here have their words. If not, the sweep writes them.
    """

    hits: Sequence[Hit]
    following: str | None
    complete: bool


async def search(query: str, context: RequestContext, *, after: str | None = None, limit: int = MAX_HITS) -> Found:
    """Return a page of the caller's threads that have all words of a query. A word is found by its start.

    Args:
        query: The words.
        context: The request.
        after: The cursor that the same caller got with the page before, for the same query.
        limit: The greatest number of hits, from 1 to `MAX_HITS`.

    Raises:
        InvalidRequestError: the query has no word or is too long, the limit is not possible, or the cursor belongs to
            another caller or query.
    """
    if len(query) > MAX_QUERY_CHARACTERS:
        raise InvalidRequestError(f"A search may have at most {MAX_QUERY_CHARACTERS} characters.")
    terms = terms_of(query)
    if not terms:
        raise InvalidRequestError("Please type a word to search for.")
    if len(terms) > MAX_TERMS:
        raise InvalidRequestError(f"Please search for at most {MAX_TERMS} words.")
    if not 1 <= limit <= MAX_HITS:
        raise InvalidRequestError(f"limit must be a whole number from 1 to {MAX_HITS}.")
    of = context.caller.partition, query
    place = None if after is None else place_of(after, *of)
    since = await on_since(context.resources.table)
    hits: list[Hit] = []
    examined, filled, complete, more = 0, 0, True, True
    while more and len(hits) < limit and examined < MAX_THREADS:
        listed, more = await context.resources.table.query(
            context.caller.partition,
            after=None if place is None else keys.thread_list_sk(place),
            between=(keys.THREAD_LIST_PREFIX, keys.THREAD_LIST_END),
            descending=True,
            limit=PAGE_THREADS if examined else FIRST_PAGE_THREADS,
        )
        if not listed:
            break
        words = await _words(listed, context)
        missing = [row for row in listed if is_visible(row) and not are_complete(words.get(row["place"]), since)]
        now = missing[: FILL_AT_ONCE - filled]
        filled += len(now)
        complete = complete and len(now) == len(missing)
        words |= await _filled(now, context)
        candidates = await asyncio.to_thread(_candidates, listed, words, terms)
        for start in range(0, len(candidates), LOOK_AT_ONCE):
            rows = candidates[start : start + LOOK_AT_ONCE]
            for row, hit in zip(rows, await asyncio.gather(*(_look(row, terms, context) for row in rows)), strict=True):
                if len(hits) < limit:
                    place = row["place"]
                    hits += [] if hit is None else [hit]
            if len(hits) >= limit:
                more = True
                break
        else:
            place = listed[-1]["place"]
        examined += len(listed)
    if not complete:
        await context.resources.table.transact([fill_work(context.caller)])
    return Found(hits, cursor_of(place, *of) if more and place is not None else None, complete)


async def _words(listed: Sequence[Row], context: RequestContext) -> dict[str, Row]:
    """Return the rows with the words of these threads, by place."""
    between = (keys.words_sk(listed[-1]["place"]), keys.words_sk(listed[0]["place"]))
    rows = context.resources.table.rows(context.caller.partition, between=between, page=PAGE_THREADS)
    return {row["sk"].removeprefix(keys.WORDS_PREFIX): row async for row in rows}


async def _filled(missing: Sequence[Row], context: RequestContext) -> dict[str, Row]:
    """Give words to threads that lack some, and return their rows."""
    resources, caller = context.resources, context.caller

    async def one(row: Row) -> None:
        try:
            await rebuild(resources, caller, row["id"])
        except ConflictError:
            return  # A turn writes them at the moment.

    for start in range(0, len(missing), LOOK_AT_ONCE):
        await asyncio.gather(*(one(row) for row in missing[start : start + LOOK_AT_ONCE]))
    found = await resources.table.get_many([words_key(caller, row["place"]) for row in missing])
    return {key.sk.removeprefix(keys.WORDS_PREFIX): row for key, row in found.items()}


def _candidates(listed: Sequence[Row], words: dict[str, Row], terms: Sequence[Term]) -> list[Row]:
    """Return the threads whose words or titles have all terms."""
    wanted = [[f" {start}" for start in term.starts()] for term in terms]
    found = []
    for row in listed:
        if not is_visible(row):
            continue
        text = index_text(words[row["place"]]) if row["place"] in words else ""
        title = None
        for term, starts in zip(terms, wanted, strict=True):
            if all(start in text for start in starts):
                continue
            title = title if title is not None else _title(row)
            if not found_in(title, [term]):
                break
        else:
            found.append(row)
    return found


def _title(row: Row) -> str:
    """Return a thread's title without the validation of its metadata: a search reads thousands of them."""
    return json.loads(unpack(row)).get("title") or ""


async def _look(listed: Row, terms: Sequence[Term], context: RequestContext) -> Hit | None:
    """Read a thread. Return its hit, or None if it no longer has the words or is gone."""
    thread = load_metadata(listed)
    titled = found_in(thread.title or "", terms)
    seen, best, after, read, whole = set(titled), None, None, 0, False
    found: set[Term] = set()
    pk = context.caller.thread(thread.id).partition
    while len(seen) < len(terms) or best is None:
        head, page = await read_items(
            context.resources.table, pk, after=after, limit=STEP_ITEMS, descending=True, wanted=is_shown
        )
        if not is_visible(head.meta):
            return None
        for item in await thread_store(context.resources).decode_items(page.rows):
            here = found_in(text_of(item), terms) if is_searched(item) else set()
            seen |= here
            if len(here) > len(found):
                found, best = here, item
        read += len(page.rows)
        whole = not page.has_more
        if whole or read >= MAX_READ_ITEMS:
            break
        after = page.rows[-1]["sk"]
    if len(seen) < len(terms) and whole:
        return None
    return _hit(thread, best, terms)


def _hit(thread: Any, best: ThreadItem | None, terms: Sequence[Term]) -> Hit:
    return Hit(
        thread_id=thread.id,
        title=thread.title,
        created_at=thread.created_at.isoformat(),
        item_id=None if best is None else best.id,
        snippet=[] if best is None else snippet(text_of(best), terms),
    )
