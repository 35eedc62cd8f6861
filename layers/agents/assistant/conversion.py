"""Thread items to model input, and a run's tool calls to items that the next turn's model will see.

ChatKit stores neither server-side tool calls nor their results. Each round of them is kept in a hidden item,
just before what the model said after it, in the very form in which the Agents SDK feeds it back: so a later turn's
model knows what was done, and a provider's marks on a call (Gemini's signature, reasoning) go back with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agents import TResponseInputItem
from agents.items import (
    HandoffCallItem,
    HandoffOutputItem,
    ReasoningItem,
    RunItem,
    ToolCallItem,
    ToolCallOutputItem,
)
from chatkit.agents import ThreadItemConverter
from chatkit.types import (
    AssistantMessageItem,
    Attachment,
    HiddenContextItem,
    TaskItem,
    UserMessageTagContent,
    WidgetItem,
)
from openai.types.responses import (
    EasyInputMessageParam,
    ResponseInputContentParam,
    ResponseInputTextParam,
)
from pydantic_core import to_jsonable_python

from assistant.attachments import attachment_to_content
from assistant.context import RequestContext
from assistant.errors import NotFoundError
from assistant.hooks import find_hook
from assistant.ids import new_id
from assistant.threads.rows import now
from assistant.threads.store import ID_PREFIXES
from assistant.turns.ending import is_mark

if TYPE_CHECKING:
    from chatkit.types import ThreadMetadata

TOOL_ROUND = "tool_round"


class ItemConverter(ThreadItemConverter):
    """ChatKit's converter with what it leaves open, or gets wrong for Chat Completions."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def assistant_message_to_input(self, item: AssistantMessageItem) -> TResponseInputItem | None:
        """Give the assistant's earlier words as plain text: Chat Completions knows no `output_text` parts."""
        text = "".join(part.text for part in item.content)
        return EasyInputMessageParam(type="message", role="assistant", content=text) if text else None

    async def hidden_context_to_input(
        self, item: HiddenContextItem
    ) -> TResponseInputItem | list[TResponseInputItem] | None:
        """Feed a round of tool calls back as it was; give any other hidden context as ChatKit does."""
        if isinstance(item.content, dict) and item.content.get("type") == TOOL_ROUND:
            items: list[TResponseInputItem] = item.content["items"]
            return items
        if isinstance(item.content, str):
            return await super().hidden_context_to_input(item)
        return None

    async def task_to_input(self, item: TaskItem) -> TResponseInputItem | list[TResponseInputItem] | None:
        """Leave out the mark of an incomplete answer: a hidden note tells the model."""
        return None if is_mark(item) else await super().task_to_input(item)

    async def widget_to_input(self, item: WidgetItem) -> TResponseInputItem | list[TResponseInputItem] | None:
        """Tell the model that a widget was shown, by its text where it has one."""
        if item.copy_text is None:
            return await super().widget_to_input(item)
        text = f"A widget was displayed to the user with this content:\n{item.copy_text}"
        return _user_text(text)

    async def attachment_to_message_content(self, attachment: Attachment) -> ResponseInputContentParam:
        """Give a file's content from the bucket."""
        return await attachment_to_content(attachment, self._context)

    async def tag_to_message_content(self, tag: UserMessageTagContent) -> ResponseInputContentParam:
        """Give what an @-mention stands for by its id alone: what a page sends along is not a fact."""
        describe = find_hook(self._context.settings, "entity_to_input")
        try:
            text = tag.text if describe is None else await describe(tag.id, self._context)
        except NotFoundError:
            text = "It does not exist, or not any more."
        return ResponseInputTextParam(type="input_text", text=f"@{tag.text}: {text}")


def _user_text(text: str) -> TResponseInputItem:
    return EasyInputMessageParam(
        type="message", role="user", content=[ResponseInputTextParam(type="input_text", text=text)]
    )


class ToolRounds:
    """Turns the tool calls of a run into hidden items, as soon as each round is complete."""

    def __init__(self, thread: ThreadMetadata) -> None:
        self._thread = thread
        self._seen = 0
        self._open: list[tuple[str | None, dict[str, Any]]] = []

    def take(self, run_items: Sequence[RunItem]) -> HiddenContextItem | None:
        """Return an item with the calls that have been answered since the last look, or None.

        A call without a result, as of a cancelled tool, is never part of one: no model accepts it.

        Args:
            run_items: The run's items so far, all of them.
        """
        for item in run_items[self._seen :]:
            if isinstance(
                item, ToolCallItem | ToolCallOutputItem | ReasoningItem | HandoffCallItem | HandoffOutputItem
            ):
                value = to_jsonable_python(item.to_input_item(), exclude_none=True)
                self._open.append((value.get("call_id"), value))
        self._seen = len(run_items)
        calls = {call for call, value in self._open if value["type"] == "function_call"}
        answered = {call for call, value in self._open if value["type"] == "function_call_output"}
        if not calls or calls - answered:
            return None
        items = [value for _, value in self._open]
        self._open = []
        return HiddenContextItem(
            id=new_id(ID_PREFIXES["tool_call"]),
            thread_id=self._thread.id,
            created_at=now(),
            content={"type": TOOL_ROUND, "items": items},
        )
