"""The journal of one turn: its complete and unfinished items, and which of them are stored.

The journal does no I/O. The turn stores the unsaved items at each checkpoint and at its end.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartAnnotationAdded,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    GeneratedImageItem,
    GeneratedImageUpdated,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdate,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
    WidgetComponentUpdated,
    WidgetItem,
    WidgetRootUpdated,
    WidgetStreamingTextValueDelta,
    WorkflowItem,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
)


class Journal:
    """The items of one turn.

    Args:
        earlier: Items of earlier turns that this turn may change, such as an open workflow or a widget.

    Attributes:
        done: The complete items by id, in their order.
        unsaved_since: The time of the oldest change that is not stored yet, by `time.monotonic`; None if there is none.
    """

    def __init__(self, earlier: Iterable[ThreadItem] = ()) -> None:
        self.done: dict[str, ThreadItem] = {}
        self.unsaved_since: float | None = None
        self._earlier = {item.id: item for item in earlier}
        self._pending: dict[str, ThreadItem] = {}
        self._texts: dict[str, TextBuffer] = {}
        self._unsaved: dict[str, ThreadItem] = {}
        self._stored: set[str] = set()
        self._saved: set[str] = set()
        self._removed: set[str] = set()

    def apply(self, event: ThreadStreamEvent) -> None:
        """Apply an event of this turn."""
        if isinstance(event, ThreadItemUpdatedEvent):
            self._update(event.item_id, event.update)
            return
        match event:
            case ThreadItemAddedEvent(item=item):
                self._pending[item.id] = item.model_copy(deep=True)
                self.touch()
            case ThreadItemDoneEvent(item=item) | ThreadItemReplacedEvent(item=item):
                self.complete(item)
            case ThreadItemRemovedEvent(item_id=item_id):
                self.remove(item_id)
            case _:
                pass

    def _update(self, item_id: str, update: ThreadItemUpdate) -> None:
        pending = self._pending.get(item_id) or self._reopen(item_id)
        if pending is None:
            return
        buffer = self._texts.get(item_id)
        if buffer is None:
            buffer = self._texts[item_id] = TextBuffer()
        if not buffer.take(pending, update):
            apply_update(pending, update)
        self.touch()

    def touch(self) -> None:
        """Note a change that is not stored yet."""
        if self.unsaved_since is None:
            self.unsaved_since = time.monotonic()

    def _reopen(self, item_id: str) -> ThreadItem | None:
        """Make a complete item pending again and return it; None if the item is unknown."""
        known = self.done.get(item_id) or self._earlier.get(item_id)
        if known is None:
            return None
        self._pending[item_id] = known.model_copy(deep=True)
        return self._pending[item_id]

    def complete(self, item: ThreadItem) -> None:
        """Take an item as complete in this version."""
        self._pending.pop(item.id, None)
        self._texts.pop(item.id, None)
        copy = item.model_copy(deep=True)
        self.done[item.id] = copy
        self._unsaved[item.id] = copy
        self._removed.discard(item.id)
        self.touch()

    def remove(self, item_id: str) -> None:
        """Forget an item, and remove it from the table with the next write if the table may hold it."""
        known = item_id in self._pending or item_id in self._unsaved
        self._pending.pop(item_id, None)
        self._texts.pop(item_id, None)
        self._unsaved.pop(item_id, None)
        self.done.pop(item_id, None)
        if item_id in self._stored or item_id in self._earlier or not known:
            self._removed.add(item_id)
        self.touch()

    def discard(self) -> None:
        """Forget all changes that are not stored."""
        for item_id in [*self._pending, *self._unsaved]:
            self.done.pop(item_id, None)
        self._pending.clear()
        self._texts.clear()
        self._unsaved.clear()
        self._removed.clear()

    def pending(self) -> list[ThreadItem]:
        """Return the unfinished items in their present state."""
        for item_id, buffer in self._texts.items():
            if item_id in self._pending:
                buffer.settle(self._pending[item_id])
        return list(self._pending.values())

    def unsaved(self) -> list[ThreadItem]:
        """Return the complete items that are not stored yet."""
        return list(self._unsaved.values())

    def removed(self) -> list[str]:
        """Return the ids of the items to remove from the table."""
        return list(self._removed)

    def changed_earlier(self, known: Sequence[str]) -> list[str]:
        """Return the ids of the earlier items that this turn has changed, without those in `known`."""
        return [item_id for item_id in self.done if item_id in self._earlier and item_id not in known]

    def is_stored(self, item_id: str) -> bool:
        """Tell whether this turn may have stored a version of an item."""
        return item_id in self._stored

    def has_version(self, item_id: str) -> bool:
        """Tell whether the table has a version of an item: the present one, or an earlier one of this turn."""
        return item_id in self._saved or item_id not in self._unsaved

    def storing(self, items: Iterable[ThreadItem]) -> None:
        """Note items before a write: from now on the table may hold them, whether or not the write succeeds."""
        self._stored.update(item.id for item in items)

    def saved(self, items: list[ThreadItem], removed: list[str]) -> None:
        """Note items that are stored. An item that was completed again during the write stays unsaved."""
        for item in items:
            self._saved.add(item.id)
            if self._unsaved.get(item.id) is item:
                del self._unsaved[item.id]
        self._removed.difference_update(removed)


class TextBuffer:
    """Collect an answer's deltas, and join them at a checkpoint, not at each delta."""

    def __init__(self) -> None:
        self._parts: defaultdict[int, list[str]] = defaultdict(list)

    def take(self, item: ThreadItem, update: ThreadItemUpdate) -> bool:
        """Keep a text delta and return True. For any other update, join the kept deltas and return False."""
        if isinstance(update, AssistantMessageContentPartTextDelta):
            self._parts[update.content_index].append(update.delta)
            return True
        self.settle(item)
        return False

    def settle(self, item: ThreadItem) -> None:
        """Append the kept deltas to the item's text."""
        if isinstance(item, AssistantMessageItem):
            for index, deltas in self._parts.items():
                _content(item, index).text += "".join(deltas)
        self._parts.clear()


def _content(item: AssistantMessageItem, index: int) -> AssistantMessageContent:
    """Return a content part. Create it if needed: an update may name a part that no event has added."""
    while len(item.content) <= index:
        item.content.append(AssistantMessageContent(text=""))
    return item.content[index]


def apply_update(item: ThreadItem, update: ThreadItemUpdate) -> None:
    """Apply an update to an item in place. Ignore an update for another kind of item."""
    match item, update:
        case AssistantMessageItem(), AssistantMessageContentPartTextDelta():
            _content(item, update.content_index).text += update.delta
        case AssistantMessageItem(), AssistantMessageContentPartAdded() | AssistantMessageContentPartDone():
            kept = _content(item, update.content_index).annotations
            content = update.content.model_copy(deep=True)
            # The SDK's `done` repeats the text without the earlier annotations.
            content.annotations = content.annotations or kept
            item.content[update.content_index] = content
        case AssistantMessageItem(), AssistantMessageContentPartAnnotationAdded():
            _content(item, update.content_index).annotations.insert(update.annotation_index, update.annotation)
        case WorkflowItem(), WorkflowTaskAdded():
            # The SDK's `added` event carries the live workflow, which may already hold the task.
            if update.task_index < len(item.workflow.tasks):
                item.workflow.tasks[update.task_index] = update.task
            else:
                item.workflow.tasks.append(update.task)
        case WorkflowItem(), WorkflowTaskUpdated():
            if update.task_index < len(item.workflow.tasks):
                item.workflow.tasks[update.task_index] = update.task
        case WidgetItem(), WidgetRootUpdated():
            item.widget = update.widget
        case WidgetItem(), WidgetComponentUpdated():
            _replace_component(item.widget, update.component_id, update.component)
        case WidgetItem(), WidgetStreamingTextValueDelta():
            component = _find_component(item.widget, update.component_id)
            if component is not None:
                component.value = (component.value or "") + update.delta
        case GeneratedImageItem(), GeneratedImageUpdated():
            item.image = update.image
        case _:
            pass


def end_streaming(component: Any) -> None:
    """Mark every text of a widget as no longer streaming."""
    if getattr(component, "streaming", False):
        component.streaming = False
    for child in _children(component):
        end_streaming(child)


def _children(component: Any) -> list[Any]:
    children = getattr(component, "children", None)
    return children if isinstance(children, list) else []


def _find_component(root: Any, component_id: str) -> Any | None:
    if getattr(root, "id", None) == component_id:
        return root
    for child in _children(root):
        found = _find_component(child, component_id)
        if found is not None:
            return found
    return None


def _replace_component(root: Any, component_id: str, new: Any) -> None:
    children = _children(root)
    for index, child in enumerate(children):
        if getattr(child, "id", None) == component_id:
            children[index] = new
        else:
            _replace_component(child, component_id, new)
