"""The openai client, with two changes to how it reads a stream.

- Chunks of Chat Completions are mended first (see `assistant.models.chunks`), for every provider.
- The events that make up most of a stream are validated by pydantic's compiled code, which costs 4 µs, where
  the client's own lenient construction in Python costs 82. What does not validate is constructed leniently
  as ever, so nothing that the client can read is lost.

openai 3.54. `_process_response_data` is where its streams turn a payload into a model; if a later version no
longer calls it, streams are merely slower.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cached_property
from typing import Any, cast

import httpx2
from openai import AsyncOpenAI, AsyncStream
from openai.resources.chat import AsyncChat, AsyncCompletions
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import (
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseReasoningSummaryTextDeltaEvent,
    ResponseTextDeltaEvent,
)
from pydantic import BaseModel, ValidationError

from assistant.errors import ModelContentFilteredError, ModelUnavailableError
from assistant.models.chunks import ChunkMender

_FREQUENT_EVENTS: dict[str, type[BaseModel]] = {
    "response.output_text.delta": ResponseTextDeltaEvent,
    "response.function_call_arguments.delta": ResponseFunctionCallArgumentsDeltaEvent,
    "response.reasoning_summary_text.delta": ResponseReasoningSummaryTextDeltaEvent,
}


class MendedStream:
    """The chunks of one Chat Completions answer, mended.

    Has what the Agents SDK asks of a stream: iteration, `response` (for its headers) and `aclose`.
    """

    def __init__(self, raw: AsyncStream[Any]) -> None:
        self._raw = raw
        self.response: httpx2.Response = raw.response

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        mender = ChunkMender()
        async for payload in self._raw:
            if not isinstance(payload, dict):
                continue
            chunk = mender.mend(payload)
            try:
                yield ChatCompletionChunk.model_validate(chunk)
            except ValidationError:
                yield ChatCompletionChunk.construct(**chunk)
            if mender.finish_reason == "content_filter":
                raise ModelContentFilteredError
        if mender.finish_reason is None:
            # A proxy that gives up in mid-answer may end the body as if it were whole.
            raise ModelUnavailableError("The model's answer was cut off. Please try again.")

    async def aclose(self) -> None:
        """Give the connection back, or close it when the answer was not read to its end."""
        await self._raw.close()


class _Completions(AsyncCompletions):
    async def create(self, *args: Any, **kwargs: Any) -> Any:
        made = await super().create(*args, **kwargs)
        if not isinstance(made, AsyncStream):
            return made
        # The same response, read again as plain JSON; the typed stream has not begun to read it.
        return MendedStream(AsyncStream[Any](cast_to=object, response=made.response, client=self._client))


class _Chat(AsyncChat):
    @cached_property
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client)


class ModelClient(AsyncOpenAI):
    """`AsyncOpenAI` whose streams are mended and cheap to read."""

    @cached_property
    def chat(self) -> AsyncChat:
        return _Chat(self)

    def _process_response_data(self, *, data: object, cast_to: Any, response: httpx2.Response) -> Any:
        if isinstance(data, dict):
            frequent = _FREQUENT_EVENTS.get(cast(str, data.get("type")))
            if frequent is not None and cast_to is not object:
                try:
                    return frequent.model_validate(data)
                except ValidationError:
                    pass
        return super()._process_response_data(data=data, cast_to=cast_to, response=response)
