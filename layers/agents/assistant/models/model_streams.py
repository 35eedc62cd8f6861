"""What the streams of both APIs have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from openai import APIError


class ModelStream:
    """One answer. It has the parts of a stream that the Agents SDK uses, besides iteration: `response` and `aclose`."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response

    async def aclose(self) -> None:
        """Return the connection to the pool, or close it if the answer was not read to its end."""
        await self.response.aclose()

    @contextmanager
    def named(self) -> Iterator[None]:
        """Add the request's id to an error inside the answer, for the log, as the client does for an error status."""
        try:
            yield
        except APIError as error:
            vars(error)["request_id"] = self.response.headers.get("x-request-id")
            raise
