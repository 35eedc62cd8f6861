"""Applying the protocol's ten item updates to an item, as a client does."""

from __future__ import annotations

from collections import defaultdict
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
    ThreadItemUpdate,
    WidgetComponentUpdated,
    WidgetItem,
    WidgetRootUpdated,
    WidgetStreamingTextValueDelta,
    WorkflowItem,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
)


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
