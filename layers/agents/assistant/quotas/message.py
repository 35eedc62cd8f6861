"""The longest message: every later model call of its thread reads it again."""

from __future__ import annotations

from typing import Any

from chatkit.types import UserMessageInput, UserMessageTagContent
from pydantic_core import to_json

from assistant.context import RequestContext
from assistant.errors import MessageTooLongError
from assistant.quotas.live import live_key
from assistant.quotas.records import learn, limits_of


async def check_message(message: UserMessageInput, context: RequestContext) -> None:
    """Check the length of a message with its quotation and its mentions.

    Raises:
        MessageTooLongError: the message is too long.
    """
    length = len(message.quoted_text or "")
    for part in message.content:
        length += len(part.text)
        if isinstance(part, UserMessageTagContent):
            length += len(to_json(part.data))
    await _check(length, context)


async def check_input(value: Any, context: RequestContext) -> None:
    """Check the length of other input of a client, as JSON: answers of a form, a tool's output, a click's payload.

    Raises:
        MessageTooLongError: the input is too long.
    """
    await _check(len(to_json(value).decode()), context)


async def _check(length: int, context: RequestContext) -> None:
    if length > limits_of(context).message_characters:
        # The user's record may allow more. The claim would find that out, but comes later.
        learn(await context.resources.table.get(live_key(context)), context)
        most = limits_of(context).message_characters
        if length > most:
            raise MessageTooLongError(f"A message may have at most {most:,} characters. Please send less.")
