"""The operations that read threads and items. They do not import the agents SDK."""

from __future__ import annotations

from chatkit.types import AssistantMessageItem, GeneratedImageItem, Page, Thread, ThreadItem, UserMessageItem

from assistant.aws import Row, keys
from assistant.context import RequestContext
from assistant.files import cites_files, fresh_item, shown_item, shown_message
from assistant.threads import (
    ThreadNotFoundError,
    TurnRecord,
    client_thread,
    cursor_place,
    is_hidden_item,
    is_visible,
    load_metadata,
    load_record,
    page_limit,
    read_items,
    read_newest,
    thread_store,
)
from assistant.turns import take_over

# ChatKit's own page size (chatkit.server, 1.6.5).
DEFAULT_PAGE_SIZE = 20


async def get_thread(thread_id: str, context: RequestContext, *, settle: bool = True) -> Thread:
    """Return a thread with its newest items, oldest first. Takes one round trip.

    The items include the partial answer of a running turn. `items.after` is the cursor for older items.

    Args:
        thread_id: The thread.
        context: The request's context.
        settle: Whether to end a turn whose process has died.

    Raises:
        NotFoundError: The thread is not the caller's.
    """
    caller, table = context.caller, context.resources.table
    pk = caller.thread(thread_id).partition
    head, page = await read_newest(table, pk, limit=DEFAULT_PAGE_SIZE, wanted=_is_shown, up_to=keys.TURN_SK)
    if head.meta is None or not is_visible(head.meta):
        raise ThreadNotFoundError(thread_id)
    turn = load_record(head.turn)
    if settle and await _settled(turn, thread_id, context):
        return await get_thread(thread_id, context, settle=False)
    _note_running(turn, head.meta, context)
    items = await _shown(page.rows[::-1], context)
    after = page.rows[-1]["id"] if page.has_more else None
    items += await _partial(turn, items, context)
    return client_thread(load_metadata(head.meta), Page(data=items, has_more=page.has_more, after=after))


async def list_threads(limit: int | None, after: str | None, order: str, context: RequestContext) -> Page[Thread]:
    """Return a page of the caller's threads."""
    page = await thread_store(context.resources).load_threads(limit or DEFAULT_PAGE_SIZE, after, order, context)
    return Page(data=[client_thread(thread) for thread in page.data], has_more=page.has_more, after=page.after)


async def list_items(
    thread_id: str, limit: int | None, after: str | None, order: str, context: RequestContext, *, settle: bool = True
) -> Page[ThreadItem]:
    """Return a page of a thread's items.

    The page that has the newest items also has the partial answer of a running turn. Neither the partial answer nor
    hidden items count towards `limit`.

    Args:
        thread_id: The thread.
        limit: The maximum number of items.
        after: The id of the last item of the previous page.
        order: `desc` for newest first, else oldest first.
        context: The request's context.
        settle: Whether to end a turn whose process has died.

    Raises:
        NotFoundError: The thread is not the caller's.
    """
    caller, table = context.caller, context.resources.table
    pk = caller.thread(thread_id).partition
    cursor = keys.item_sk(await cursor_place(table, pk, after)) if after else None
    newest_first = order == "desc"
    # ChatKit's own server treats 0 as "not given" too.
    size = page_limit(limit or DEFAULT_PAGE_SIZE)
    # A page of older items does not need the turn's record: the partial answer is newer.
    up_to = keys.META_SK if newest_first and cursor else keys.TURN_SK
    head, page = await read_items(
        table, pk, after=cursor, limit=size, descending=newest_first, wanted=_is_shown, up_to=up_to
    )
    if not is_visible(head.meta):
        raise ThreadNotFoundError(thread_id)
    turn = load_record(head.turn)
    if settle and await _settled(turn, thread_id, context):
        return await list_items(thread_id, limit, after, order, context, settle=False)
    _note_running(turn, head.meta, context)
    items = await _shown(page.rows, context)
    partial = await _partial(turn, items, context)
    if newest_first:
        items = partial[::-1] + items
    elif not page.has_more:
        items += partial
    after = page.rows[-1]["id"] if page.has_more and page.rows else None
    return Page(data=items, has_more=page.has_more, after=after)


def _is_shown(row: Row) -> bool:
    return is_visible(row) and not row.get("hidden")


async def _settled(turn: TurnRecord | None, thread_id: str, context: RequestContext) -> bool:
    """End a turn whose process has died, and store its partial answer. Return whether there was such a turn."""
    if turn is None or not turn.running or turn.alive:
        return False
    await take_over(context, thread_id, turn)
    return True


def _note_running(turn: TurnRecord | None, meta: Row | None, context: RequestContext) -> None:
    """Set what goes on in the thread in the context. The answer names it, so that the client can follow."""
    context.running_turn = turn.turn_id if turn is not None and turn.running else None
    context.person = None if meta is None else meta.get("person")
    context.working = None if meta is None else meta.get("working")


async def _partial(turn: TurnRecord | None, known: list[ThreadItem], context: RequestContext) -> list[ThreadItem]:
    """Return the items that a running turn has written but not stored, without hidden items."""
    if turn is None or not turn.running:
        return []
    ids = {item.id for item in known}
    return await _with_urls([item for item in turn.partial if item.id not in ids and not is_hidden_item(item)], context)


async def _shown(rows: list[Row], context: RequestContext) -> list[ThreadItem]:
    """Return the items in rows, with freshly signed URLs."""
    return await _with_urls(await thread_store(context.resources).decode_items(rows), context)


async def _with_urls(items: list[ThreadItem], context: RequestContext) -> list[ThreadItem]:
    """Return items with freshly signed URLs for attachments and images."""
    return [await _with_url(item, context) for item in items]


async def _with_url(item: ThreadItem, context: RequestContext) -> ThreadItem:
    match item:
        case UserMessageItem(attachments=[_, *_]):
            return await fresh_item(context.resources, context.caller, item)
        case GeneratedImageItem():
            return await shown_item(item, context)
        case AssistantMessageItem() if cites_files(item):
            return await shown_message(item, context)
        case _:
            return item
