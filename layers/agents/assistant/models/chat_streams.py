"""The openai client's Chat Completions, with streams in any provider's dialect (see `assistant.models.chunks`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cached_property
from typing import Any

import httpx2
from openai import AsyncStream
from openai.resources.chat import AsyncChat, AsyncCompletions
from openai.types.chat import ChatCompletionChunk
from pydantic import ValidationError

from assistant.errors import LengthLimitError, ModelContentFilteredError, ModelUnavailableError
from assistant.models.chunks import ChunkReader
from assistant.models.event_stream import Payloads
from assistant.models.model_streams import ModelStream


class ChunkStream(ModelStream):
    """The chunks of one Chat Completions answer, in OpenAI's form."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(response)
        self._reader = ChunkReader()

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        payloads = Payloads(self.response)
        with self.named():
            async for payload in payloads:
                for chunk in self._reader.read(payload):
                    yield _validated(chunk)
        reason = self._reader.finish_reason
        if reason is None and not payloads.done:
            # A proxy may close a connection as if the answer were complete.
            raise ModelUnavailableError("The model's answer was cut off. Please try again.")
        if reason is None:
            yield _validated(self._reader.end())
        elif reason == "content_filter":
            raise ModelContentFilteredError
        elif reason == "length":
            raise LengthLimitError


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


class Chat(AsyncChat):
    """Chat Completions whose streams are `ChunkStream`s."""

    @cached_property
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client)
