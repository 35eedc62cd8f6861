"""Start the function `ingest` for a document, without waiting for it."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from typing import Any

from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.knowledge.rows import space_fields

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


def event_of(space: Space, document_id: str) -> dict[str, str]:
    """Return the event for the function."""
    return {"document_id": document_id, **space_fields(space)}


async def start(resources: Resources, space: Space, document_id: str) -> bool:
    """Start the function, and return whether it was started. If not, the sweep starts it again."""
    name = resources.settings.knowledge.ingest_function
    if not name:
        return False
    payload = json.dumps(event_of(space, document_id)).encode()

    def call() -> None:
        _made_client().invoke(FunctionName=name, InvocationType="Event", Payload=payload)

    try:
        await asyncio.to_thread(call)
    except Exception as error:
        from botocore.exceptions import BotoCoreError, ClientError

        if not isinstance(error, BotoCoreError | ClientError):
            raise
        response: Any = getattr(error, "response", {})
        code = response.get("Error", {}).get("Code") or type(error).__name__
        logger.warning("the function ingest could not be started: %s. The sweep tries again.", code)
        return False
    return True
