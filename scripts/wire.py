"""Send one HTTP/1.1 request and read the raw answer: its framing, its end and its trailers.

HTTP clients hide all three, and they are what a streaming function's edge may change.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from scripts.deployment import hash_body

TIMEOUT_SECONDS = 120.0
_READ_BYTES = 65_536


@dataclass
class RawAnswer:
    """A raw answer.

    Attributes:
        status: The HTTP status.
        framing: `chunked`, `content-length` or `close`.
        pieces: How many reads brought some of the body.
        ended: Whether it came to the end that its framing announces.
        trailers: The names of the fields after the body, in lower case.
    """

    status: int = 0
    framing: str = "close"
    pieces: int = 0
    ended: bool = False
    trailers: tuple[str, ...] = ()


async def read_raw(url: str, body: object, headers: Mapping[str, str]) -> RawAnswer:
    """POST a JSON body and return the raw answer.

    Args:
        url: An http or https address.
        body: What is sent.
        headers: More headers.
    """
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return await _read(url, json.dumps(body).encode(), headers)


async def _read(url: str, body: bytes, headers: Mapping[str, str]) -> RawAnswer:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(
        parts.hostname, port, ssl=ssl.create_default_context() if secure else None
    )
    connection = h11.Connection(h11.CLIENT)
    fields = {
        "host": parts.netloc,
        "content-type": "application/json",
        "content-length": str(len(body)),
        "te": "trailers",
        "connection": "close, te",
        **hash_body(body),
        **headers,
    }
    answer = RawAnswer()
    try:
        request = h11.Request(method="POST", target=parts.path, headers=list(fields.items()))
        writer.write((connection.send(request) or b"") + (connection.send(h11.Data(data=body)) or b""))
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        while not answer.ended:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(_READ_BYTES))
            elif isinstance(event, h11.Response):
                answer.status = event.status_code
                names = {name.decode() for name, _ in event.headers}
                framings = {"transfer-encoding": "chunked", "content-length": "content-length"}
                answer.framing = next((kind for name, kind in framings.items() if name in names), "close")
            elif isinstance(event, h11.Data):
                answer.pieces += 1
            elif isinstance(event, h11.EndOfMessage):
                answer.ended = True
                answer.trailers = tuple(name.decode() for name, _ in event.headers)
    except h11.RemoteProtocolError:
        # The answer was cut off, so `ended` stays False.
        pass
    finally:
        writer.close()
    return answer
