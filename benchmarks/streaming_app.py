"""The app of the streaming benchmark: the same for every subject. Plain ASGI, for a framework would hide the hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

PACE = 0.002
"""Seconds between chunks of the paced route: a fast model's tokens."""

Message = MutableMapping[str, Any]


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer /COUNT with so many chunks, paced if there are more than one."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    while (await receive()).get("more_body", False):
        pass
    count = int(scope["path"].rpartition("/")[2])
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")],
        }
    )
    for number in range(count):
        if number:
            await asyncio.sleep(PACE)
        await send(
            {
                "type": "http.response.body",
                "body": b'data: {"type":"delta","number":%d}\n\n' % number,
                "more_body": number + 1 < count,
            }
        )
