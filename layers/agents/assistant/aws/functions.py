"""Start a function without waiting for it."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger(__name__)

# Lambda takes an event in milliseconds. The sweep repeats what is lost.
CONNECT_SECONDS, READ_SECONDS = 1, 3

_lock = threading.Lock()
_client: Any = None


def _made_client() -> Any:
    global _client
    with _lock:
        if _client is None:
            import boto3
            from botocore.config import Config

            config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
            _client = boto3.client("lambda", config=config)
        return _client


async def invoke_later(name: str, event: Mapping[str, Any]) -> bool:
    """Start a function with an event. Return whether it was started.

    Args:
        name: The function's name or ARN; empty for none.
        event: The event, as JSON has it.
    """
    if not name:
        return False

    def call() -> None:
        _made_client().invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())

    try:
        await asyncio.to_thread(call)
    except Exception as error:
        from botocore.exceptions import BotoCoreError, ClientError

        if not isinstance(error, BotoCoreError | ClientError):
            raise
        # A time-out has this attribute too, without an answer.
        response: Any = getattr(error, "response", None) or {}
        code = response.get("Error", {}).get("Code") or type(error).__name__
        logger.warning("a function could not be started: %s. The sweep tries again.", code)
        return False
    return True
