"""The longest message: every later model call of its thread reads it again."""

from __future__ import annotations

from typing import Any

from chatkit.types import UserMessageInput, UserMessageTagContent
from pydantic_core import to_json

from assistant.errors import MessageTooLongError
from assistant.models import CHARACTERS_PER_TOKEN
from assistant.settings import Settings


def message_characters(settings: Settings) -> int:
    """Return the longest message. One that is longer than the history's budget would be the model's whole input."""
    return min(settings.max_message_chars, settings.history_max_tokens * CHARACTERS_PER_TOKEN)


def check_message(message: UserMessageInput, settings: Settings) -> None:
    """Check the length of a message with its quotation and its mentions.

    Raises:
        MessageTooLongError: the message is too long.
    """
    length = len(message.quoted_text or "")
    for part in message.content:
        length += len(part.text)
        if isinstance(part, UserMessageTagContent):
            length += len(to_json(part.data))
    _check(length, settings)


def check_input(value: Any, settings: Settings) -> None:
    """Check the length of other input of a client, as JSON: answers of a form, a tool's output, a click's payload.

    Raises:
        MessageTooLongError: the input is too long.
    """
    _check(len(to_json(value).decode()), settings)


def _check(length: int, settings: Settings) -> None:
    most = message_characters(settings)
    if length > most:
        raise MessageTooLongError(most)
