"""The longest message: every later model call of its thread reads it again."""

from __future__ import annotations

from typing import Any

from chatkit.actions import Action
from chatkit.types import UserMessageInput, UserMessageTagContent
from pydantic_core import to_json

from assistant.context import RequestContext
from assistant.errors import MessageTooLongError
from assistant.quotas.live import live_key
from assistant.quotas.records import learn, limits_of

# Each part after the first counts so many characters more: about its size as JSON without its strings. Otherwise a
# message could have any number of empty parts.
PART_CHARACTERS = 30


async def check_message(message: UserMessageInput, context: RequestContext) -> None:
    """Check the length of everything that a message stores: texts, quotation, and all strings of its mentions.

    The model and the tool that it names are among the allowed ones (`check_choice`), and so are its files.

    Raises:
        MessageTooLongError: the message is too long.
    """
    length = len(message.quoted_text or "") + PART_CHARACTERS * max(len(message.content) - 1, 0)
    for part in message.content:
        length += len(part.text)
        if isinstance(part, UserMessageTagContent):
            length += len(part.id) + len(part.group or "") + len(to_json(part.data).decode())
    await _check(length, context)


async def check_input(value: Any, context: RequestContext) -> None:
    """Check the length of other input of a client, as JSON: answers of a form, a client tool's output.

    Raises:
        MessageTooLongError: the input is too long.
    """
    await _check(len(to_json(value).decode()), context)


async def check_action(action: Action[str, Any], context: RequestContext) -> None:
    """Check the length of a click: its type, and its payload as JSON.

    Raises:
        MessageTooLongError: the click is too long.
    """
    await _check(len(action.type) + len(to_json(action.payload).decode()), context)


async def _check(length: int, context: RequestContext) -> None:
    if length > limits_of(context).message_characters:
        # The user's record may allow more. The claim would find that out, but comes later.
        learn(await context.resources.table.get(live_key(context)), context)
        most = limits_of(context).message_characters
        if length > most:
            raise MessageTooLongError(f"A message may have at most {most:,} characters. Please send less.")
