"""Decode a provider's server-sent events, and skip those that carry no data.

openai 3.54 turns a heartbeat that follows an `id:` or a `retry:` line into an event with empty data, and then fails to
parse it as JSON. A byte order mark would hide the first field.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from openai._streaming import ServerSentEvent, SSEDecoder

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DONE = "[DONE]"


class EventDecoder(SSEDecoder):
    """The client's decoder without events that have no data, such as heartbeats."""

    def iter_bytes(self, iterator: Iterator[bytes]) -> Iterator[ServerSentEvent]:
        """Yield the events of a byte stream."""
        for event in super().iter_bytes(iterator):
            if event.data.strip():
                yield event

    async def aiter_bytes(self, iterator: AsyncIterator[bytes]) -> AsyncIterator[ServerSentEvent]:
        """Yield the events of a byte stream."""
        async for event in super().aiter_bytes(_without_mark(iterator)):
            if event.data.strip():
                yield event


async def _without_mark(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Remove a byte order mark from the start, also if it is split between chunks."""
    start = b""
    decided = False
    async for chunk in chunks:
        if decided:
            yield chunk
            continue
        start += chunk
        if len(start) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(start):
            continue
        decided = True
        yield start.removeprefix(_BYTE_ORDER_MARK)
    if not decided and start:
        yield start
