"""The openai client's Responses, with streams in any server's dialect (see `assistant.models.response_events`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Any, cast

import httpx2
from openai import AsyncStream
from openai.resources.responses import AsyncResponses
from openai.types.responses import ResponseStreamEvent

from assistant.models.event_stream import Payloads
from assistant.models.model_streams import ModelStream
from assistant.models.response_events import EventReader


class EventStream(ModelStream):
    """The events of one Responses answer, in OpenAI's form.

    Args:
        response: The response, not read yet.
        tools: The types of the request's tools.
        construct: Turns an event into the SDK's class.
    """

    def __init__(
        self, response: httpx2.Response, tools: Collection[str], construct: Callable[[dict[str, Any]], Any]
    ) -> None:
        super().__init__(response)
        self._reader = EventReader(tools)
        self._construct = construct

    async def __aiter__(self) -> AsyncIterator[Any]:
        payloads = Payloads(self.response)
        with self.named():
            async for payload in payloads:
                for event in self._reader.read(payload):
                    yield self._construct(event)
                if self._reader.ended:
                    return
        if payloads.done:
            for event in self._reader.complete():
                yield self._construct(event)


class Responses(AsyncResponses):
    """Responses whose streams are `EventStream`s."""

    # The Agents SDK would use it to make a stream of its own.
    with_streaming_response: Any = None

    async def create(self, *args: Any, **kwargs: Any) -> Any:
        made = await super().create(*args, **kwargs)
        if not isinstance(made, AsyncStream):
            return made
        tools = kwargs.get("tools")
        types = {str(tool.get("type")) for tool in tools} if isinstance(tools, list) else set()

        def construct(event: dict[str, Any]) -> Any:
            return self._client._process_response_data(
                data={"sequence_number": 0, **event}, cast_to=cast(Any, ResponseStreamEvent), response=made.response
            )

        return EventStream(made.response, types, construct)
