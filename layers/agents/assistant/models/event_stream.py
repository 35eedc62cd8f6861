"""Read the payloads of a provider's answer: server-sent events, lines of JSON, or one JSON object.

Servers differ from the standard of server-sent events, and openai 3.54 fails on most of the differences:

- heartbeats in every form: comments, a lone `id:` or `retry:`, empty data, and text such as `ping` or `[PING]`;
- a byte order mark before any event;
- `[DONE]` in lower case or between blanks;
- no blank line after the last event;
- JSON without `data:`, also where a stream was requested.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from openai._streaming import ServerSentEvent, SSEDecoder

_BYTE_ORDER_MARK = "\ufeff"
_DONE = "[DONE]"
# Every provider sends objects. Gemini also sends them in a list.
_PAYLOAD = re.compile(r"\s*(\{|\[\s*\{)")


class Payloads:
    """The parsed payloads of one answer, in order.

    Attributes:
        done: The server has said that the answer is complete.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self.done = False
        self._response = response
        self._decoder = _Decoder()
        self._received = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        if self._response.headers.get("content-type", "").startswith("application/json"):
            # The server ignores `stream` and sends a whole answer.
            yield json.loads(await self._response.aread())
            self.done = True
            return
        async for event in self._decoder.aiter_bytes(self._bytes()):
            if event.data.strip().upper() == _DONE:
                self.done = True
                return
            if not _PAYLOAD.match(event.data):
                continue
            try:
                payload = json.loads(event.data)
            except ValueError:
                if self._received:
                    # The connection closed inside this event.
                    return
                raise
            yield payload

    async def _bytes(self) -> AsyncIterator[bytes]:
        """Yield the body, and a blank line after it: some servers send none after the last event."""
        async for chunk in self._response.aiter_bytes():
            yield chunk
        self._received = True
        yield b"\n\n"


class _Decoder(SSEDecoder):
    """The client's decoder. It also takes a line of JSON as an event."""

    def decode(self, line: str) -> ServerSentEvent | None:
        """Return the event that a line completes, or None."""
        line = line.removeprefix(_BYTE_ORDER_MARK)
        return ServerSentEvent(data=line) if line.startswith("{") else super().decode(line)
