"""PLACEHOLDER"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
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
        earlier: Items of earlier turns, which this one may go on with: an open workflow, a widget.

    Attributes:
        done: Items that are complete, by id, in their order.
        unstored_since: When the oldest change that is not stored was made, by `time.monotonic`; None if all is.
    """

    def __init__(self, earlier: Iterable[ThreadItem] = ()) -> None:
        self.done: dict[str, ThreadItem] = {}
        self.unstored_since: float | None = None
        self._earlier = {item.id: item for item in earlier}
        self._pending: dict[str, ThreadItem] = {}
        self._texts: dict[str, TextBuffer] = {}
        self._unsaved: dict[str, ThreadItem] = {}
        self._stored: set[str] = set()
        self._removed: set[str] = set()

    def apply(self, event: ThreadStreamEvent) -> None:
        """Take an event of this turn into account."""
        match event:
            case ThreadItemAddedEvent(item=item):
                self._pending[item.id] = item.model_copy(deep=True)
                self.touch()
            case ThreadItemUpdatedEvent(item_id=item_id, update=update):
                pending = self._pending.get(item_id) or self._gone_on_with(item_id)
                if pending is not None:
                    buffer = self._texts.setdefault(item_id, TextBuffer())
                    if not buffer.take(pending, update):
                        apply_update(pending, update)
                    self.touch()
            case ThreadItemDoneEvent(item=item) | ThreadItemReplacedEvent(item=item):
                self.complete(item)
            case ThreadItemRemovedEvent(item_id=item_id):
                self.remove(item_id)
            case _:
                pass

    def touch(self) -> None:
        """Note that something is not stored."""
        if self.unstored_since is None:
            self.unstored_since = time.monotonic()

    def _gone_on_with(self, item_id: str) -> ThreadItem | None:
        """Return an item that was complete and is being written again, None where it is not known."""
        known = self.done.get(item_id) or self._earlier.get(item_id)
        if known is None:
            return None
        self._pending[item_id] = known.model_copy(deep=True)
        return self._pending[item_id]

    def complete(self, item: ThreadItem) -> None:
        """Count an item as done in this form."""
        self._pending.pop(item.id, None)
        self._texts.pop(item.id, None)
        copy = item.model_copy(deep=True)
        self.done[item.id] = copy
        self._unsaved[item.id] = copy
        self._removed.discard(item.id)
        self.touch()

    def remove(self, item_id: str) -> None:
        """Forget an item of this turn; one that is stored already, or is older, is to be removed from the table."""
        known = item_id in self._pending or item_id in self._unsaved
        self._pending.pop(item_id, None)
        self._texts.pop(item_id, None)
        self._unsaved.pop(item_id, None)
        self.done.pop(item_id, None)
        if item_id in self._stored or item_id in self._earlier or not known:
            self._removed.add(item_id)
        self.touch()

    def discard(self) -> None:
        """Forget what is not stored and cannot be."""
        for item_id in [*self._pending, *self._unsaved]:
            self.done.pop(item_id, None)
        self._pending.clear()
        self._texts.clear()
        self._unsaved.clear()
        self._removed.clear()

    def pending(self) -> list[ThreadItem]:
        """Return the items that are being written, as they are now."""
        for item_id, buffer in self._texts.items():
            if item_id in self._pending:
                buffer.settle(self._pending[item_id])
        return list(self._pending.values())

    def unsaved(self) -> list[ThreadItem]:
        """Return the items that are done and not stored."""
        return list(self._unsaved.values())

    def removed(self) -> list[str]:
        """Return the ids to be removed from the table."""
        return list(self._removed)

    def is_stored(self, item_id: str) -> bool:
        """Tell whether a form of an item may be in the table, written by this turn."""
        return item_id in self._stored

    def storing(self, items: Iterable[ThreadItem]) -> None:
        """Note what is about to be stored: from now on it may be in the table, whatever is heard of the write."""
        self._stored.update(item.id for item in items)

    def saved(self, items: list[ThreadItem], removed: list[str]) -> None:
        """Note what has been stored. An item that was completed anew meanwhile stays unsaved."""
        for item in items:
            if self._unsaved.get(item.id) is item:
                del self._unsaved[item.id]
        self._removed.difference_update(removed)


class TextBuffer:
    """Collects an answer's deltas, so that a long answer is joined at checkpoints and not at each delta."""

    def __init__(self) -> None:
        self._parts: defaultdict[int, list[str]] = defaultdict(list)

    def take(self, item: ThreadItem, update: ThreadItemUpdate) -> bool:
        """Keep a text delta and return True; before any other update, settle what is kept and return False."""
        if isinstance(update, AssistantMessageContentPartTextDelta):
            self._parts[update.content_index].append(update.delta)
            return True
        self.settle(item)
        return False

    def settle(self, item: ThreadItem) -> None:
        """Bring the text into the item."""
        if isinstance(item, AssistantMessageItem):
            for index, deltas in self._parts.items():
                _content(item, index).text += "".join(deltas)
        self._parts.clear()


def _content(item: AssistantMessageItem, index: int) -> AssistantMessageContent:
    """Return a content part, made where it does not exist: updates may come for a part not announced."""
    while len(item.content) <= index:
        item.content.append(AssistantMessageContent(text=""))
    return item.content[index]


def apply_update(item: ThreadItem, update: ThreadItemUpdate) -> None:
    """Change an item in place. An update of another kind of item changes nothing."""
    match item, update:
        case AssistantMessageItem(), AssistantMessageContentPartTextDelta():
            _content(item, update.content_index).text += update.delta
        case AssistantMessageItem(), AssistantMessageContentPartAdded() | AssistantMessageContentPartDone():
            kept = _content(item, update.content_index).annotations
            content = update.content.model_copy(deep=True)
            # The SDK's `done` repeats the text without the annotations that came before it.
            content.annotations = content.annotations or kept
            item.content[update.content_index] = content
        case AssistantMessageItem(), AssistantMessageContentPartAnnotationAdded():
            _content(item, update.content_index).annotations.insert(update.annotation_index, update.annotation)
        case WorkflowItem(), WorkflowTaskAdded():
            # The SDK's `added` event carries the workflow itself, which may hold the task by the time it is read.
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
    """Let no text of a widget look as if more of it were coming."""
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
