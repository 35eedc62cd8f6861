"""The function `stream`, with one more path that says which modules its process has loaded."""

from __future__ import annotations

import json
import sys
from typing import Any

from local.functions import load_function

_stream = load_function("stream").app


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer `/loaded-modules`, and pass everything else on."""
    if scope["type"] != "http" or scope["path"] != "/loaded-modules":
        await _stream(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(sorted(sys.modules)).encode()})
