"""Send one request in smaller and smaller forms, store what an accepted form left out, and tell the user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agents import TResponseInputItem
from chatkit.agents import AgentContext
from chatkit.types import NoticeEvent

from assistant.agent.healing import MAX_REFUSALS, Ladder, ladder_of, told
from assistant.agent.left_out import LeftOut, Texts
from assistant.context import RequestContext
from assistant.errors import ModelContentFilteredError, ModelError, ModelRefusedRequestError

NO_TOOLS = "This model cannot use tools. The answer was written without them."
FILTERED = "The model's content filter refused this message, so later answers leave it out. Please rephrase it."


class Healing:
    """The parts that one turn leaves out of its requests.

    Attributes:
        context: The turn's context.

    Args:
        context: The turn's context.
        message: The id of the thread's newest message.
    """

    def __init__(self, context: AgentContext[RequestContext], message: str | None) -> None:
        self.left_out = self._stored = LeftOut.of(context.thread.metadata)
        self.texts: Texts = {}
        self.context = context
        self._message = message

    async def accept(self, left_out: LeftOut, given: list[TResponseInputItem], *, remember: bool) -> None:
        """Use these parts for the rest of the turn, and tell the user.

        Args:
            left_out: The parts that an accepted request left out.
            given: The whole request.
            remember: Whether later turns leave the parts out from the start.
        """
        before, self.left_out = self.left_out, left_out
        if remember:
            self._store(left_out)
        for sentence in told(before, left_out, given, self.texts):
            await self._tell(sentence)

    async def accept_without_tools(self) -> None:
        """Tell the user once in a thread that the model cannot use tools."""
        if not self.left_out.model_tools:
            self.left_out = replace(self.left_out, model_tools=True)
            self._store(replace(self._stored, model_tools=True))
            await self._tell(NO_TOOLS)

    def _store(self, left_out: LeftOut) -> None:
        self._stored = left_out
        left_out.note(self.context.thread.metadata, self._message)

    async def _tell(self, sentence: str) -> None:
        await self.context.stream(NoticeEvent(level="warning", message=sentence))


class Request:
    """The input of one request, with fewer parts after each refusal.

    Args:
        given: The whole input.
        healing: The parts that the turn leaves out.
    """

    def __init__(self, given: str | list[TResponseInputItem], healing: Healing) -> None:
        self._given = given
        self._healing = healing
        self._left_out = healing.left_out
        self._errors: list[ModelError] = []
        self._ladder: Ladder | None = None
        self._steps: Iterator[LeftOut] = iter(())

    async def input(self) -> str | list[TResponseInputItem]:
        """Return the input to send now."""
        if isinstance(self._given, str) or self._left_out == LeftOut():
            return self._given
        return await self._left_out.without(self._given, self._healing.texts)

    @property
    def filtered(self) -> bool:
        """Whether a content filter has refused the request."""
        return any(isinstance(error, ModelContentFilteredError) for error in self._errors)

    @property
    def may_go_elsewhere(self) -> bool:
        """Whether the whole request may go to the fallback."""
        return not self.filtered and isinstance(self._errors[-1], ModelRefusedRequestError)

    @property
    def error(self) -> ModelError:
        """The error for the caller, after the last attempt."""
        if not self.filtered:
            return self._errors[0]
        error = ModelContentFilteredError(FILTERED)
        error.of_message = True
        return error

    def failed(self, error: ModelError) -> bool:
        """Leave out more parts. Return False if a smaller request must not be sent or cannot help."""
        self._errors.append(error)
        ladder = ladder_of(error)
        if error.has_effect or ladder is None or isinstance(self._given, str) or len(self._errors) > MAX_REFUSALS:
            return False
        if ladder is not self._ladder:
            self._ladder, self._steps = ladder, ladder(self._left_out, self._given)
        following = next(self._steps, None)
        if following is not None:
            self._left_out = following
        return following is not None

    async def accepted(self, *, tools_left_out: bool) -> None:
        """Note and tell the parts that were left out.

        Args:
            tools_left_out: Whether the model got no tools, because its server takes none.
        """
        if self._left_out != self._healing.left_out and not isinstance(self._given, str):
            # An outage ends by itself. It must not cost the thread its files.
            remember = not any(error.files_in_doubt for error in self._errors)
            await self._healing.accept(self._left_out, self._given, remember=remember)
        if tools_left_out:
            await self._healing.accept_without_tools()
