"""The openai client, with changes to how it reads a stream.

- It skips heartbeats (see `assistant.models.event_stream`) and reads Chat Completions in any provider's dialect (see
  `assistant.models.chunks`).
- Pydantic's compiled code validates the most frequent events, in 4 µs each. The client's own construction takes 82 µs.
  The client still constructs the events that do not validate.

Checked with openai 3.54. The streams of openai 3.54 call `_process_response_data` to turn a payload into a model.
If a later version does not call it, streams are only slower.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import cached_property
from typing import Any, cast

import httpx2
from openai import APIError, AsyncOpenAI, AsyncStream
from openai.resources.chat import AsyncChat, AsyncCompletions
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import (
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseReasoningSummaryTextDeltaEvent,
    ResponseTextDeltaEvent,
)
from pydantic import BaseModel, ValidationError

from assistant.errors import ModelContentFilteredError, ModelError, ModelUnavailableError
from assistant.models.chunks import ChunkReader
from assistant.models.event_stream import DONE, EventDecoder
from assistant.models.failures import TOO_LONG
from assistant.models.whole import whole_completion

_FREQUENT_EVENTS: dict[str, type[BaseModel]] = {
    "response.output_text.delta": ResponseTextDeltaEvent,
    "response.function_call_arguments.delta": ResponseFunctionCallArgumentsDeltaEvent,
    "response.reasoning_summary_text.delta": ResponseReasoningSummaryTextDeltaEvent,
}


class ChunkStream:
    """The chunks of one Chat Completions answer, in OpenAI's form.

    It has the parts of a stream that the Agents SDK uses: iteration, `response` (for its headers) and `aclose`.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._reader = ChunkReader()
        self._done = False

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        async for payload in self._payloads():
            try:
                for chunk in self._reader.read(payload):
                    yield _validated(chunk)
            except APIError as error:
                # For the log, as the client does for an error status.
                vars(error)["request_id"] = self.response.headers.get("x-request-id")
                raise
        reason = self._reader.finish_reason
        if reason is None and not self._done:
            # A proxy may close a connection as if the answer were complete.
            raise ModelUnavailableError("The model's answer was cut off. Please try again.")
        if reason is None:
            yield _validated(self._reader.end())
        elif reason == "content_filter":
            raise ModelContentFilteredError
        elif reason == "length":
            raise ModelError(TOO_LONG)

    async def _payloads(self) -> AsyncIterator[Any]:
        """Yield the parsed payloads, and note when the server says that there are no more."""
        if self.response.headers.get("content-type", "").startswith("application/json"):
            # The server ignores `stream` and sends a whole completion.
            yield json.loads(await self.response.aread())
            self._done = True
            return
        async for event in EventDecoder().aiter_bytes(self.response.aiter_bytes()):
            if event.data.startswith(DONE):
                self._done = True
                return
            yield json.loads(event.data)

    async def aclose(self) -> None:
        """Return the connection to the pool, or close it if the answer was not read to its end."""
        await self.response.aclose()


def _validated(chunk: dict[str, Any]) -> ChatCompletionChunk:
    try:
        return ChatCompletionChunk.model_validate(chunk)
    except ValidationError:
        # Only optional fields, which the SDK can do without, are left unchecked by the reader.
        for choice in chunk["choices"]:
            choice["logprobs"] = None
        return ChatCompletionChunk.model_validate({**chunk, "usage": None})


class _Completions(AsyncCompletions):
    async def create(self, *args: Any, **kwargs: Any) -> Any:
        made = await super().create(*args, **kwargs)
        # The typed stream has not started to read the response.
        return ChunkStream(made.response) if isinstance(made, AsyncStream) else made


class _Chat(AsyncChat):
    @cached_property
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client)


class ModelClient(AsyncOpenAI):
    """`AsyncOpenAI` with tolerant and fast streams."""

    def _make_sse_decoder(self) -> EventDecoder:
        return EventDecoder()

    @cached_property
    def chat(self) -> AsyncChat:
        return _Chat(self)

    def _process_response_data(self, *, data: object, cast_to: Any, response: httpx2.Response) -> Any:
        if isinstance(data, dict):
            if cast_to is ChatCompletion:
                data = cast(dict[str, Any], whole_completion(data))
            frequent = _FREQUENT_EVENTS.get(cast(str, data.get("type")))
            if frequent is not None and cast_to is not object:
                try:
                    return frequent.model_validate(data)
                except ValidationError:
                    pass
        return super()._process_response_data(data=data, cast_to=cast_to, response=response)
