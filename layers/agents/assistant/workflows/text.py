"""Mark the user's message, so that the platform finds it in the input of a run."""

from __future__ import annotations


class UserText(str):
    """The user's message as an export gets it in `input_as_text`.

    The export builds its conversation history from this text: such an input gets the thread's earlier turns. A text
    that the export makes itself, also with an f-string, is a plain `str`: such an input stays as it is, like the input
    of an Agent Builder node without the chat history.

    Attributes:
        masked: Whether a guardrail has replaced parts of the message.
    """

    masked: bool = False

    @classmethod
    def without_private_data(cls, text: str) -> UserText:
        """Return the text that a guardrail gives back in place of the message."""
        masked = cls(text)
        masked.masked = True
        return masked
