"""Convert thread items to model input."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

from agents import TResponseInputItem
from chatkit.agents import ThreadItemConverter
from chatkit.types import (
    AssistantMessageItem,
    Attachment,
    ClientToolCallItem,
    GeneratedImageItem,
    HiddenContextItem,
    TaskItem,
    ThreadItem,
    UserMessageItem,
    UserMessageTagContent,
    WidgetItem,
)
from openai.types.responses import EasyInputMessageParam, ResponseInputContentParam, ResponseInputTextParam

from assistant.context import FILES, PAGE, WEB, RequestContext
from assistant.errors import NotFoundError
from assistant.failures import log_failure
from assistant.files import FileRoom, as_data_url, files_to_content
from assistant.hooks import find_hook
from assistant.models import HOSTED_CALLS
from assistant.text import CONTEXT_END, CONTEXT_START
from assistant.threads import is_mark, is_refusal, is_tool_round

logger = logging.getLogger(__name__)

_REFUSED_NOTE = "[The user's message here was refused. The message and the answer to it are left out.]"


class ItemConverter(ThreadItemConverter):
    """ChatKit's converter, completed, and corrected for Chat Completions."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        self._files: dict[str, ResponseInputContentParam] = {}
        self._pictures: dict[str, str | None] = {}

    async def to_agent_input(self, thread_items: Sequence[ThreadItem] | ThreadItem) -> list[TResponseInputItem]:
        """Convert items. Include the newest files and pictures that fit into one request to a model."""
        items = thread_items if isinstance(thread_items, Sequence) else [thread_items]
        room = FileRoom()
        for item in reversed(items):
            if isinstance(item, UserMessageItem) and item.attachments:
                self._context.read_outside(FILES)
                contents = await files_to_content(item.attachments, self._context, room)
                self._files |= {each.id: part for each, part in zip(item.attachments, contents, strict=True)}
            elif isinstance(item, GeneratedImageItem):
                self._pictures[item.id] = await self._picture(item, room)
        return await super().to_agent_input(items)

    async def in_two_parts(
        self, earlier: Sequence[ThreadItem], newest: Sequence[ThreadItem]
    ) -> tuple[list[TResponseInputItem], list[TResponseInputItem]]:
        """Convert the earlier and the newest items for one request."""
        if not newest:
            return await self.to_agent_input(earlier), []
        whole = await self.to_agent_input([*earlier, *newest])
        # The files are loaded: convert the newest items again, to see where they begin.
        part = await super().to_agent_input(newest)
        return whole[: len(whole) - len(part)], part

    async def _picture(self, item: GeneratedImageItem, room: FileRoom) -> str | None:
        """Return a generated picture as a `data:` URL, or None if it is missing or does not fit."""
        if item.image is None or room.is_full:
            return None
        url = await as_data_url(item.image, item.thread_id, self._context)
        # Four characters of base64 are three bytes.
        return url if url is not None and room.take(len(url) * 3 // 4) else None

    async def _thread_item_to_input_item(
        self, item: ThreadItem, is_last_message: bool = True
    ) -> list[TResponseInputItem]:
        """Convert an item, and mark text that ChatKit adds with the role `user`.

        A user's message becomes the message itself, then its context: the quoted text and the mentioned entities.
        """
        converted = await super()._thread_item_to_input_item(item, is_last_message)
        words = 1 if isinstance(item, UserMessageItem) else 0
        return converted[:words] + [_as_context(each) for each in converted[words:]]

    async def assistant_message_to_input(self, item: AssistantMessageItem) -> TResponseInputItem | None:
        """Return the assistant's text as a plain string: Chat Completions has no `output_text` parts."""
        text = "".join(part.text for part in item.content)
        return EasyInputMessageParam(type="message", role="assistant", content=text) if text else None

    async def hidden_context_to_input(
        self, item: HiddenContextItem
    ) -> TResponseInputItem | list[TResponseInputItem] | None:
        """Return a stored round of tool calls as it is, and other hidden context as ChatKit does."""
        if is_tool_round(item):
            items: list[TResponseInputItem] = item.content["items"]
            self._note_outside(item.content)
            return items
        if is_refusal(item):
            item = item.model_copy(update={"content": _REFUSED_NOTE})
        if isinstance(item.content, str):
            return await super().hidden_context_to_input(item)
        return None

    def _note_outside(self, round_of_calls: Mapping[str, Any]) -> None:
        """Note where the results of a stored round of tool calls come from."""
        for source in round_of_calls.get("outside", ()):
            self._context.read_outside(source)
        # Rounds of earlier releases name no sources.
        if any(item.get("type") in HOSTED_CALLS for item in round_of_calls["items"]):
            self._context.read_outside(WEB)

    async def client_tool_call_to_input(
        self, item: ClientToolCallItem
    ) -> TResponseInputItem | list[TResponseInputItem] | None:
        """Return a client tool call with its output, which the page has sent."""
        if item.status != "pending":
            self._context.read_outside(PAGE)
        return await super().client_tool_call_to_input(item)

    async def task_to_input(self, item: TaskItem) -> TResponseInputItem | list[TResponseInputItem] | None:
        """Leave out the mark of an incomplete answer: a hidden note informs the model."""
        return None if is_mark(item) else await super().task_to_input(item)

    async def widget_to_input(self, item: WidgetItem) -> TResponseInputItem | list[TResponseInputItem] | None:
        """Tell the model that the user saw a widget. Use the widget's text if it has one."""
        if item.copy_text is None:
            return await super().widget_to_input(item)
        text = f"A widget was displayed to the user with this content:\n{item.copy_text}"
        return EasyInputMessageParam(
            type="message", role="user", content=[ResponseInputTextParam(type="input_text", text=text)]
        )

    async def generated_image_to_input(
        self, item: GeneratedImageItem
    ) -> TResponseInputItem | list[TResponseInputItem] | None:
        """Include the picture's bytes: a model cannot read the bucket."""
        url = self._pictures[item.id]
        if item.image is None or url is None:
            return None
        shown = item.model_copy(update={"image": item.image.model_copy(update={"url": url})})
        return await super().generated_image_to_input(shown)

    async def attachment_to_message_content(self, attachment: Attachment) -> ResponseInputContentParam:
        """Return a file's content, which `to_agent_input` has loaded."""
        return self._files[attachment.id]

    async def tag_to_message_content(self, tag: UserMessageTagContent) -> ResponseInputContentParam:
        """Describe a mentioned entity from the package's own records: the data that the page sends is not trusted."""
        self._context.read_outside(PAGE)
        describe = find_hook(self._context.settings, "entity_to_input")
        if describe is None:
            facts = "Nothing more is known about it."
        else:
            try:
                facts = await describe(tag.id, self._context)
            except NotFoundError:
                facts = "It does not exist."
            except Exception as error:
                # The mention stays in the thread, so an error in the hook would break every later turn.
                log_failure(logger, "a mention could not be looked up", error)
                facts = "It could not be looked up."
        return ResponseInputTextParam(type="input_text", text=f"The user mentions @{tag.text}. {facts}")


def _as_context(message: TResponseInputItem) -> TResponseInputItem:
    """Enclose a message of the role `user` in the context marks. Return any other item unchanged."""
    fields = cast(dict[str, Any], message)
    if fields.get("role") != "user":
        return message
    start = ResponseInputTextParam(type="input_text", text=CONTEXT_START)
    end = ResponseInputTextParam(type="input_text", text=CONTEXT_END)
    parts = fields["content"]
    if all(part["type"] == "input_text" for part in parts):
        text = "\n".join([CONTEXT_START, *(part["text"] for part in parts), CONTEXT_END])
        parts = [ResponseInputTextParam(type="input_text", text=text)]
    else:
        parts = [start, *parts, end]
    return cast("TResponseInputItem", {**fields, "content": parts})
