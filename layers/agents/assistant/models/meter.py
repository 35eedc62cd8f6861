"""Who has answered in a turn, and what the calls have cost that were cut off.

The Agents SDK counts a call when its answer is whole. One that a stop, a deadline or a failure ends before that has
been read and partly written, and is paid for all the same. So the chain keeps here which calls are open, and what has
come of them; what they have used is estimated, since a provider tells it at the end alone.

It is a context variable, as the deadline is: tasks that the turn starts inherit it, and two turns never share one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.models.link import ModelCall

# English text has about four characters a token with every current tokenizer; a closer count would need the model's.
CHARACTERS_PER_TOKEN = 4


@dataclass
class OpenCall:
    """A call whose answer is not whole.

    Attributes:
        call: What was sent.
        written: How many characters of text and arguments have come.
    """

    call: ModelCall
    written: int = 0


@dataclass
class Meter:
    """The model calls of one turn.

    Attributes:
        provider: Who has answered last, the fallback where it was that; None before anybody has.
        model: The model that did.
        open: The calls that have begun and not ended, and those that were cut off.
    """

    provider: str | None = None
    model: str | None = None
    open: list[OpenCall] = field(default_factory=list)

    def begin(self, call: ModelCall) -> OpenCall:
        """Note a call that begins."""
        self.open.append(OpenCall(call))
        return self.open[-1]

    def end(self, opened: OpenCall) -> None:
        """Forget a call: it is counted by who made it, or it came to nothing."""
        self.open = [each for each in self.open if each is not opened]

    def cut_off(self) -> tuple[int, int]:
        """Return about how many tokens the open calls have read and written."""
        from assistant.models.usage import estimated_tokens, input_characters

        read = sum(estimated_tokens(input_characters(each.call)) for each in self.open)
        return read, sum(estimated_tokens(each.written) for each in self.open)


_meter: ContextVar[Meter | None] = ContextVar("assistant_turn_meter", default=None)


@contextmanager
def metered(meter: Meter) -> Iterator[None]:
    """Have what runs inside the block, and the tasks it starts, counted here."""
    token = _meter.set(meter)
    try:
        yield
    finally:
        _meter.reset(token)


def current_meter() -> Meter:
    """Return the turn's meter; outside of a turn, one that nobody reads."""
    return _meter.get() or Meter()
