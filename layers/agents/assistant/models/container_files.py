"""Fetch a file that the code interpreter has written into its container at OpenAI."""

from __future__ import annotations

import asyncio

from assistant.errors import ModelError
from assistant.models.clients import client_of
from assistant.models.time_limit import seconds_left
from assistant.settings import Settings

# The bucket takes more, but the process holds the whole file in memory, beside other turns.
MAX_CONTAINER_FILE_BYTES = 15_000_000
# The user waits for the answer meanwhile. A file inside the limit takes a second or two.
FETCH_SECONDS = 20.0


async def container_file(settings: Settings, container_id: str, file_id: str) -> bytes:
    """Return a file's bytes.

    Raises:
        ModelError: the file is too large.
        TimeoutError: the file did not come in time.
        openai.OpenAIError: the provider failed.
    """
    left = seconds_left()
    async with asyncio.timeout(FETCH_SECONDS if left is None else min(FETCH_SECONDS, left / 2)):
        client = await client_of(settings, "openai")
        contents = client.containers.files.content.with_streaming_response
        async with contents.retrieve(file_id, container_id=container_id) as response:
            body = bytearray()
            async for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_CONTAINER_FILE_BYTES:
                    raise ModelError("The file is too large.")
    return bytes(body)
