"""A client of a deployed stack that behaves like ChatKit's component, for checks from outside."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx2

ENDPOINT = "/chatkit/api"
# Enough for a cold start, a slow model and a long answer together.
TIMEOUT_SECONDS = 120.0
DELTA = "assistant_message.content_part.text_delta"


class RefusedError(Exception):
    """The deployment answered with an error.

    Attributes:
        status: The HTTP status.
        code: The error's code, where the body is one of ours.
    """

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"HTTP {status}: {body[:200]}")
        self.status = status
        try:
            self.code: str | None = json.loads(body)["error"]["code"]
        except (ValueError, KeyError, TypeError):
            self.code = None


@dataclass
class Turn:
    """The events of a turn, with their arrival times.

    Attributes:
        turn_id: What the header `X-Turn-Id` says.
        events: ChatKit's events.
        arrivals: When each came, in seconds since the request was sent.
    """

    turn_id: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)

    @property
    def thread_id(self) -> str | None:
        """The id of the thread that the turn has created, if any."""
        made = [event["thread"]["id"] for event in self.events if event["type"] == "thread.created"]
        return made[0] if made else None

    @property
    def delta_arrivals(self) -> list[float]:
        """The arrival times of the text deltas."""
        return [at for at, event in zip(self.arrivals, self.events, strict=True) if is_delta(event)]

    @property
    def text(self) -> str:
        """The text of the completed assistant messages."""
        done = [event["item"] for event in self.events if event["type"] == "thread.item.done"]
        said = [item for item in done if item["type"] == "assistant_message"]
        return "".join(part["text"] for item in said for part in item["content"])

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The error events."""
        return [event for event in self.events if event["type"] == "error"]


def is_delta(event: Mapping[str, Any]) -> bool:
    """Return whether an event is a text delta."""
    return bool(event["type"] == "thread.item.updated" and event["update"]["type"] == DELTA)


def message(text: str, attachments: list[str] | None = None) -> dict[str, Any]:
    """Return a message in ChatKit's format."""
    content = [{"type": "input_text", "text": text}]
    return {"content": content, "attachments": attachments or [], "inference_options": {}}


def turn_request(text: str, thread_id: str | None = None) -> dict[str, Any]:
    """Return the request that sends a message to a thread, or to a new thread."""
    if thread_id is None:
        return {"type": "threads.create", "params": {"input": message(text)}}
    return {"type": "threads.add_user_message", "params": {"input": message(text), "thread_id": thread_id}}


@dataclass
class Deployment:
    """The URLs of a stack, and the caller's token.

    Attributes:
        url: Where `chat` answers, without a path: the stack's output ApiUrl or ChatUrl.
        stream_url: Where `stream` answers; the same as `url` where only one is known.
        upload_url: Where `upload` answers.
        token: The caller's bearer token; none is sent without it.
        header: The header that carries it.
        http: The client; closed by who made it.
    """

    url: str
    stream_url: str
    upload_url: str
    token: str | None
    header: str
    http: httpx2.AsyncClient

    @property
    def credentials(self) -> dict[str, str]:
        """The header with the caller's token."""
        return {self.header: f"Bearer {self.token}"} if self.token else {}

    async def get(self, path: str, *, stream: bool = False, **headers: str) -> httpx2.Response:
        """Send a GET request without a token."""
        return await self.http.get(f"{self.stream_url if stream else self.url}{path}", headers=headers)

    async def post(self, path: str, body: object) -> Any:
        """Send a request to `chat` with the caller's token, and return its JSON.

        Raises:
            RefusedError: the answer is an error.
        """
        answer = await self.http.post(f"{self.url}{path}", json=body, headers=self.credentials)
        if answer.is_error:
            raise RefusedError(answer.status_code, answer.text)
        return answer.json()

    async def operate(self, kind: str, /, **params: Any) -> Any:
        """Send an operation that does not stream."""
        return await self.post(ENDPOINT, {"type": kind, "params": params})

    async def say(self, text: str, thread_id: str | None = None, key: str | None = None) -> Turn:
        """Send a message and wait for the end of its turn."""
        turn = Turn()
        async with aclosing(self.follow(turn, turn_request(text, thread_id), key)) as events:
            async for _ in events:
                pass
        return turn

    async def follow(self, turn: Turn, request: object, key: str | None = None) -> AsyncGenerator[dict[str, Any], None]:
        """Send a streaming operation to `stream`. Yield its events as they arrive, and add them to `turn`.

        Raises:
            RefusedError: the answer is an error.
        """
        headers = {**self.credentials, **({"idempotency-key": key} if key else {})}
        sent = time.monotonic()
        async with self.http.stream("POST", f"{self.stream_url}{ENDPOINT}", json=request, headers=headers) as answer:
            if answer.is_error:
                raise RefusedError(answer.status_code, (await answer.aread()).decode(errors="replace"))
            turn.turn_id = answer.headers.get("x-turn-id")
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    event = json.loads(line.removeprefix("data: "))
                    turn.events.append(event)
                    turn.arrivals.append(time.monotonic() - sent)
                    yield event


def hash_body(body: bytes) -> dict[str, str]:
    """Return the header with a body's hash, which CloudFront needs to sign a POST request to a function URL."""
    return {"x-amz-content-sha256": hashlib.sha256(body).hexdigest()}


def base_url(url: str) -> str:
    """Return a URL of the stack without the endpoint's path."""
    return url.rstrip("/").removesuffix("/upload").removesuffix(ENDPOINT).rstrip("/")
