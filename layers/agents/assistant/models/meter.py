"""Record which model answered in a turn, and estimate the tokens of calls that were cut off.

The Agents SDK counts a call when its answer is complete. A stop, a deadline or a failure can end a call earlier, and
the provider charges for it. So the chain records each open call here, with the length of its text so far. The tokens
are an estimate, because a provider reports usage only at the end.

The meter is a context variable, like the deadline: the turn's tasks inherit the meter, and two turns never share a
meter.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents import TResponseInputItem

    from assistant.models.link import ModelCall

# English text has about four characters a token with every current tokenizer. An exact count needs the model's own.
CHARACTERS_PER_TOKEN = 4
# The usual cost of an image or a file, independent of its size in bytes.
ATTACHMENT_TOKENS = 1_000


def input_tokens(instructions: str | None, given: str | list[TResponseInputItem]) -> int:
    """Return the estimated tokens of a call's instructions and history."""
    # It loads the Agents SDK, which a call has loaded already.
    from assistant.models.usage import estimated_tokens, input_characters

    return estimated_tokens(input_characters(instructions, given))


@dataclass
class OpenCall:
    """A call whose answer is not complete.

    Attributes:
        call: The request.
        model: The model that was asked.
        written: The characters of text and arguments received so far.
    """

    call: ModelCall
    model: str
    written: int = 0

    @cached_property
    def read(self) -> int:
        """The estimated input tokens."""
        return input_tokens(self.call.instructions, self.call.input)


@dataclass
class Meter:
    """The model calls of one turn.

    Attributes:
        provider: The provider of the last answer. None before the first answer.
        model: The model of that answer.
        open: Calls that started and did not complete, cut-off calls included.
        used: The input and output tokens of the completed calls, by model.
        pictures: The pictures that the models have begun to draw.
    """

    provider: str | None = None
    model: str | None = None
    open: list[OpenCall] = field(default_factory=list)
    used: dict[str, tuple[int, int]] = field(default_factory=dict)
    pictures: int = 0

    def begin(self, call: ModelCall, model: str) -> OpenCall:
        """Record a call that starts."""
        self.open.append(OpenCall(call, model))
        return self.open[-1]

    def end(self, opened: OpenCall) -> None:
        """Remove a call: the SDK counts it, or the call failed before it produced output."""
        self.open = [each for each in self.open if each is not opened]

    def count(self, model: str, read: int, written: int) -> None:
        """Record the tokens of a completed call."""
        before = self.used.get(model, (0, 0))
        self.used[model] = before[0] + read, before[1] + written

    def by_model(self) -> dict[str, tuple[int, int]]:
        """Return the input and output tokens of all calls by model, those of open calls estimated."""
        from assistant.models.usage import estimated_tokens

        total = Meter(used=dict(self.used))
        for each in self.open:
            total.count(each.model, each.read, estimated_tokens(each.written))
        return total.used

    def cut_off(self) -> tuple[int, int]:
        """Return the estimated input and output tokens of the open calls."""
        from assistant.models.usage import estimated_tokens

        return sum(each.read for each in self.open), sum(estimated_tokens(each.written) for each in self.open)


_meter: ContextVar[Meter | None] = ContextVar("assistant_turn_meter", default=None)


@contextmanager
def metered(meter: Meter) -> Iterator[None]:
    """Record the model calls of this block and its tasks in `meter`."""
    token = _meter.set(meter)
    try:
        yield
    finally:
        _meter.reset(token)


def current_meter() -> Meter:
    """Return the turn's meter. Outside a turn, return a new meter."""
    return _meter.get() or Meter()
