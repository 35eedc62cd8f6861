"""Make the snapshot of a thread: messages, answers and widgets without actions, and files only if asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chatkit.types import (
    AssistantMessageItem,
    GeneratedImageItem,
    ThreadItem,
    URLSource,
    UserMessageItem,
    WidgetItem,
)

from assistant.approvals import asks_for_approval, shown_answer
from assistant.aws import keys
from assistant.context import RequestContext, Resources
from assistant.errors import NotFoundError, TooLargeError
from assistant.files import SHARE_URL_SECONDS, check_scan, is_ours, object_key, object_keys, signed_url
from assistant.threads import ItemNotFoundError, is_by_person, is_visible, thread_store

# A reader does not scroll further, and one answer of the function `chat` holds them.
MAX_ITEMS = 1_000
MAX_BYTES = 4_000_000
# One request copies them.
MAX_FILES = 100
PAGE_ROWS = 100
# The items that a snapshot may have. All others are left out: tools, reasoning, forms, hidden context.
_SHOWN = frozenset({"user_message", "assistant_message", "widget", "generated_image"})
# Components that ask for input. Without their actions they would do nothing.
_INPUTS = frozenset({"Button", "Select", "DatePicker", "Input", "Textarea", "RadioGroup", "Checkbox", "Label"})
# Fields that hold actions, by any name: onClickAction, onSubmitAction, and the two buttons of a card.
_BUTTONS = frozenset({"confirm", "cancel"})


@dataclass
class Snapshot:
    """What a share shows.

    Attributes:
        title: The thread's title.
        items: The items as JSON objects. Files and pictures have the number of their object.
        uploads: The bucket keys of the user's files, by these numbers.
        pictures: The bucket keys of generated pictures, by these numbers.
    """

    title: str | None
    items: list[dict[str, Any]] = field(default_factory=list)
    uploads: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)

    def next_number(self) -> str:
        """Return the number of the next file or picture.

        Raises:
            TooLargeError: there are more than `MAX_FILES`.
        """
        number = len(self.uploads) + len(self.pictures)
        if number == MAX_FILES:
            raise TooLargeError(f"A link has at most {MAX_FILES} files. Please share an earlier part, or no files.")
        return str(number)


async def make_snapshot(thread_id: str, until: str | None, context: RequestContext, *, files: bool) -> Snapshot:
    """Return what a share shows of a thread of the caller.

    Args:
        thread_id: The thread.
        until: The id of the last item; None for the thread's newest.
        context: The request's context.
        files: Whether to include files and pictures.

    Raises:
        NotFoundError: the thread or the item does not exist for this caller, or nothing of it can be shown.
        TooLargeError: it is longer than `MAX_ITEMS` or `MAX_BYTES`, or has more than `MAX_FILES`.
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
    snapshot = Snapshot(thread.title)
    shown, size = snapshot.items, 0
    pk = context.caller.thread(thread_id).partition
    async for row in context.resources.table.rows(pk, between=(keys.ITEM_PREFIX, high), page=PAGE_ROWS):
        if row["type"] not in _SHOWN or not is_visible(row):
            continue
        size += row.get("size", 0)
        if len(shown) == MAX_ITEMS or size > MAX_BYTES:
            raise TooLargeError("This conversation is too long to share. Please share an earlier part of it.")
        for item in await store.decode_items([row]):
            made = await _shared(item, snapshot, context, files=files)
            if made is not None:
                shown.append({**made, "created_at": item.created_at.isoformat()})
    if not shown:
        raise NotFoundError("There is nothing to share in this conversation.")
    return snapshot


async def _shared(
    item: ThreadItem, snapshot: Snapshot, context: RequestContext, *, files: bool
) -> dict[str, Any] | None:
    match item:
        case UserMessageItem():
            made: dict[str, Any] = {"type": "user_message", "text": "".join(part.text for part in item.content)}
            if files and item.attachments:
                made["files"] = []
                for each in item.attachments:
                    if not is_ours(each.id):
                        continue
                    await check_scan(context.resources, context.caller, each, may_wait=False)
                    number = snapshot.next_number()
                    snapshot.uploads[number] = object_key(context.caller, each.id)
                    made["files"].append({"object": number, "name": each.name, "mime_type": each.mime_type})
            return made
        case AssistantMessageItem():
            text = "\n\n".join(part.text for part in item.content if part.text)
            sources = [each.source for part in item.content for each in part.annotations]
            links = [
                {"title": source.title, "url": source.url}
                for source in sources
                if isinstance(source, URLSource) and source.url.startswith(("https://", "http://"))
            ]
            by_person = {"by_person": True} if is_by_person(item.id) else {}
            return {"type": "assistant_message", "text": text, **by_person, **({"sources": links} if links else {})}
        case WidgetItem():
            # A card of an approval shows the arguments of a tool.
            if asks_for_approval(item) or shown_answer(item) is not None:
                return None
            widget = plain_widget(item.widget.model_dump(mode="json", by_alias=True, exclude_none=True), files=files)
            return None if widget is None else {"type": "widget", "widget": widget}
        case GeneratedImageItem() if files:
            for key in object_keys(item, context.caller.thread(item.thread_id).object_prefix):
                number = snapshot.next_number()
                snapshot.pictures[number] = key
                return {"type": "image", "object": number}
            return None
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


async def shown_snapshot(snapshot: Mapping[str, Any], prefix: str, resources: Resources) -> dict[str, Any]:
    """Return a snapshot for a reader: files and pictures have newly signed URLs.

    Args:
        snapshot: The stored snapshot.
        prefix: The bucket prefix of the share's copies.
        resources: The process's bucket.
    """
    items = [await _with_urls(item, prefix, resources) for item in snapshot["items"]]
    return {**snapshot, "items": items}


async def _with_urls(item: dict[str, Any], prefix: str, resources: Resources) -> dict[str, Any]:
    if item["type"] == "image":
        url = await resources.objects.presign("get_object", prefix + item["object"], SHARE_URL_SECONDS)
        return {"type": "image", "url": url, "created_at": item["created_at"]}
    if "files" not in item:
        return item
    links = []
    for each in item["files"]:
        url = await signed_url(resources, prefix + each["object"], each["name"], each["mime_type"], SHARE_URL_SECONDS)
        links.append({"name": each["name"], "url": url})
    return {**item, "files": links}
