"""The ASGI app that answers the cases of cases.json as the Node function does."""

from __future__ import annotations

import builtins

from tests.integration.stream.apps import Receive, Scope, Send, chunk, start
from tests.integration.stream.golden.record import CASES


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    case = next(case for case in CASES if case["name"] == scope["path"][1:])
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in case["headers"].items()]
    headers += [(b"set-cookie", value.encode("latin-1")) for value in case["cookies"]]
    await start(send, case["status"], headers)
    for _ in range(case["times"]):
        for text in case["chunks"]:
            await chunk(send, text.encode())
    if "error" in case:
        raise getattr(builtins, case["error"]["class"])(case["error"]["message"])
    await chunk(send, b"", more=False)
