"""The scripted server's turns: each runs as a task of its own, whoever reads it, until it ends or is stopped."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterable, AsyncIterator

TURN_HEADER = "x-turn-id"


class Turn:
    """One running turn and what it has streamed.

    Attributes:
        turn_id: Its id.
        thread_id: The thread, once it is known.
    """

    def __init__(self, frames: AsyncIterable[bytes], thread_id: str | None) -> None:
        self.turn_id = f"turn_{uuid.uuid4().hex}"
        self.thread_id = thread_id
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(frames))

    async def _run(self, frames: AsyncIterable[bytes]) -> None:
        try:
            async for frame in frames:
                if self.thread_id is None:
                    event = json.loads(frame.removeprefix(b"data: "))
                    self.thread_id = event.get("thread", {}).get("id")
                self._queue.put_nowait(frame)
        finally:
            self._queue.put_nowait(None)

    @property
    def running(self) -> bool:
        return not self._task.done()

    def stop(self) -> None:
        """Cancel it from any thread; the SDK stores what was said."""
        self._loop.call_soon_threadsafe(self._task.cancel)

    async def stopped(self) -> None:
        """Cancel it, and wait until it has ended."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield what it streams, to its one reader."""
        while (frame := await self._queue.get()) is not None:
            yield frame
