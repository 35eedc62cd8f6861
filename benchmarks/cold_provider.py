"""A model provider on 127.0.0.1 for the cold benchmark: the same bytes for each request, a delta at a time.

Without a framework, so that it takes little of the CPU that the measured process needs.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.provider_formats import Answer, Text, events_of

DELTAS = 200
# A process that is measured reads each delta by itself, as from a real provider.
PAUSE_SECONDS = 0.002


def _frames() -> list[bytes]:
    words = " ".join(f"word{number}" for number in range(DELTAS))
    events = [event for event in events_of(Answer(Text(words)), "bench") if isinstance(event, dict)]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, frames: list[bytes]) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if line)
            await reader.readexactly(int(fields.get(b"content-length", b"0")))
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: bench\r\n"
                b"transfer-encoding: chunked\r\n\r\n"
            )
            for frame in frames:
                writer.write(b"%x\r\n%b\r\n" % (len(frame), frame))
                await asyncio.sleep(PAUSE_SECONDS)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@contextmanager
def provider() -> Iterator[str]:
    """Run the provider and give its base URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    frames = _frames()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(lambda r, w: _answer(r, w, frames), "127.0.0.1", 0)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
