"""Make the snapshot of a thread: messages, answers and widgets without actions, and files only if asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatkit.types import (
    AssistantMessageItem,
    FileAttachment,
    GeneratedImageItem,
    ThreadItem,
    URLSource,
    UserMessageItem,
    WidgetItem,
)
from pydantic_core import to_jsonable_python

from assistant.approvals import asks_for_approval, shown_answer
from assistant.aws import keys
from assistant.context import RequestContext
from assistant.errors import NotFoundError, TooLargeError
from assistant.files import check_scan, read_url, shown_item
from assistant.threads import ItemNotFoundError, is_visible, thread_store

# A reader does not scroll further, and one answer of the function `chat` holds them.
MAX_ITEMS = 1_000
MAX_BYTES = 4_000_000
PAGE_ROWS = 100
# The items that a snapshot may have. All others are left out: tools, reasoning, forms, hidden context.
_SHOWN = frozenset({"user_message", "assistant_message", "widget", "generated_image"})
# Components that ask for input. Without their actions they would do nothing.
_INPUTS = frozenset({"Button", "Select", "DatePicker", "Input", "Textarea", "RadioGroup", "Checkbox", "Label"})
# Fields that hold actions, by any name: onClickAction, onSubmitAction, and the two buttons of a card.
_BUTTONS = frozenset({"confirm", "cancel"})


async def make_snapshot(thread_id: str, until: str | None, context: RequestContext, *, files: bool) -> dict[str, Any]:
    """Return what a share shows of a thread of the caller.

    Args:
        thread_id: The thread.
        until: The id of the last item; None for the thread's newest.
        context: The request's context.
        files: Whether to include files and pictures.

    Raises:
        NotFoundError: the thread or the item does not exist for this caller, or nothing of it can be shown.
        TooLargeError: it is longer than `MAX_ITEMS` or `MAX_BYTES`.
        FileUncheckedError: a file's malware scan has no result yet.
        FileRefusedError: a file did not pass the malware scan.
    """
    store = thread_store(context.resources)
    thread = await store.load_thread(thread_id, context)
    high = keys.ITEM_END
    if until is not None:
        row = await store.find_item(thread_id, until, context)
        if row is None or not is_visible(row) or row.get("hidden"):
            raise ItemNotFoundError(until)
        high = row["sk"]
    shown: list[dict[str, Any]] = []
    size = 0
    pk = context.caller.thread(thread_id).partition
    async for row in context.resources.table.rows(pk, between=(keys.ITEM_PREFIX, high), page=PAGE_ROWS):
        if row["type"] not in _SHOWN or not is_visible(row):
            continue
        size += row.get("size", 0)
        if len(shown) == MAX_ITEMS or size > MAX_BYTES:
            raise TooLargeError("This conversation is too long to share. Please share an earlier part of it.")
        for item in await store.decode_items([row]):
            made = await _shared(item, context, files=files)
            if made is not None:
                shown.append({**made, "created_at": item.created_at.isoformat()})
    if not shown:
        raise NotFoundError("There is nothing to share in this conversation.")
    return {"title": thread.title, "items": shown}


async def _shared(item: ThreadItem, context: RequestContext, *, files: bool) -> dict[str, Any] | None:
    match item:
        case UserMessageItem():
            made: dict[str, Any] = {"type": "user_message", "text": "".join(part.text for part in item.content)}
            if files and item.attachments:
                for each in item.attachments:
                    await check_scan(context.resources, context.caller, each, may_wait=False)
                made["files"] = [{"id": a.id, "name": a.name, "mime_type": a.mime_type} for a in item.attachments]
            return made
        case AssistantMessageItem():
            text = "\n\n".join(part.text for part in item.content if part.text)
            sources = [each.source for part in item.content for each in part.annotations]
            links = [
                {"title": source.title, "url": source.url}
                for source in sources
                if isinstance(source, URLSource) and source.url.startswith(("https://", "http://"))
            ]
            return {"type": "assistant_message", "text": text, **({"sources": links} if links else {})}
        case WidgetItem():
            # A card of an approval shows the arguments of a tool.
            if asks_for_approval(item) or shown_answer(item) is not None:
                return None
            widget = plain_widget(item.widget.model_dump(mode="json", by_alias=True, exclude_none=True), files=files)
            return None if widget is None else {"type": "widget", "widget": widget}
        case GeneratedImageItem() if files and item.image is not None:
            return {"type": "image", "item": to_jsonable_python(item, by_alias=True, exclude_none=True)}
        case _:
            return None


def plain_widget(node: Mapping[str, Any], *, files: bool = False) -> dict[str, Any] | None:
    """Return a widget without actions and inputs; None for a component that is left out.

    Args:
        node: The component.
        files: Whether to keep pictures.
    """
    kind = node.get("type")
    if kind in _INPUTS or (kind == "Image" and not files):
        return None
    plain: dict[str, Any] = {}
    for name, value in node.items():
        if name in _BUTTONS or "action" in name.lower():
            continue
        plain[name] = value if name == "data" else _plain_value(value, files=files)
    # A form without its inputs is a column.
    return {**plain, "type": "Col"} if kind == "Form" else plain


def _plain_value(value: Any, *, files: bool) -> Any:
    if isinstance(value, Mapping):
        return plain_widget(value, files=files)
    if isinstance(value, list):
        kept = [_plain_value(each, files=files) for each in value]
        return [each for each in kept if each is not None]
    return value


async def shown_snapshot(snapshot: Mapping[str, Any], owner: RequestContext) -> dict[str, Any]:
    """Return a snapshot for a reader: files and pictures have newly signed URLs.

    Args:
        snapshot: The stored snapshot.
        owner: A context of the share's owner.
    """
    items = [await _with_urls(item, owner) for item in snapshot["items"]]
    return {**snapshot, "items": items}


async def _with_urls(item: dict[str, Any], owner: RequestContext) -> dict[str, Any]:
    if item["type"] == "image":
        stored = GeneratedImageItem.model_validate(item["item"])
        shown = await shown_item(stored, owner)
        url = None if shown.image is None else shown.image.url
        return {"type": "image", "url": url, "created_at": item["created_at"]}
    if "files" not in item:
        return item
    links = []
    for each in item["files"]:
        attachment = FileAttachment(id=each["id"], name=each["name"], mime_type=each["mime_type"])
        url = await read_url(owner.resources, owner.caller, attachment)
        links.append({"name": each["name"], "url": url})
    return {**item, "files": links}
