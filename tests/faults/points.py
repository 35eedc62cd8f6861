"""Where a turn can be hurt: at each call that leaves the process, before it is made and after it was answered."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from agents import Model
from botocore.exceptions import ClientError, EndpointConnectionError

from assistant.context import Resources
from assistant.errors import ModelRateLimitedError, ModelUnavailableError
from tests.support.model_runs import Alone

Moment = Literal["before", "after"]
Harm = Literal["killed", "stalled", "raised", "throttled", "conflict", "acted"]

# The writes that DynamoDB refuses where they meet a transaction.
_WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")
# What a second process does at a point, it does in this time, unless it waits for the turn itself. Far shorter than a
# lease, or the turn would count as dead.
ACT_SECONDS = 0.3


@dataclass
class Points:
    """Counts the calls that leave a process, and does harm at one of them.

    Attributes:
        at: The point that is hit, counted from 0; None to count only.
        harm: What happens there.
        act: What else happens, for `acted`: run on the event loop, and waited for a moment.
        since: The points count from the first request on in which this text occurs; if none is given, from the start.
        passed: The points so far, by their names.
        hit: Whether the point was reached.
    """

    at: int | None = None
    harm: Harm = "raised"
    act: Callable[[], Awaitable[Any]] | None = None
    since: str | None = None
    passed: list[str] = field(default_factory=list)
    hit: bool = False
    acting: Any = None

    def look_at(self, request: Mapping[str, Any]) -> None:
        """Look whether the points count from this request on."""
        if self.since is not None and self.since in repr(request):
            self.since = None

    def reach(self, call: str, moment: Moment, loop: asyncio.AbstractEventLoop | None) -> None:
        """Pass a point. Called on the table's threads, or on the loop for a model's call."""
        if self.since is not None:
            return
        name = f"{moment} {call}"
        self.passed.append(name)
        if self.hit or self.at != len(self.passed) - 1:
            return
        self.hit = True
        match self.harm:
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stalled":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "raised":
                if call.startswith("model"):
                    raise ModelUnavailableError
                raise EndpointConnectionError(endpoint_url="http://table")
            case "throttled":
                if call.startswith("model"):
                    raise ModelRateLimitedError
                error: Any = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow down"}}
                raise ClientError(error, call)
            case "conflict":
                raise ClientError(_conflict(call), call)
            case "acted":
                assert self.act is not None
                assert loop is not None
                self.acting = asyncio.run_coroutine_threadsafe(_run(self.act), loop)
                # Where it waits for the turn, the turn goes on.
                with suppress(FutureTimeoutError):
                    self.acting.result(ACT_SECONDS)

    async def reach_on_loop(self, call: str, moment: Moment) -> None:
        """Pass a point of the event loop's."""
        await asyncio.get_running_loop().run_in_executor(None, self.reach, call, moment, asyncio.get_running_loop())


def meets_others(name: str) -> bool:
    """Tell whether a point is a write that can meet a transaction of another."""
    moment, call = name.split(" ", 1)
    return moment == "before" and call in _WRITES


def _conflict(call: str) -> Any:
    if call == "transact_write_items":
        reasons = [{"Code": "TransactionConflict", "Message": "injected"}]
        return {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    return {"Error": {"Code": "TransactionConflictException"}}


async def _run(act: Callable[[], Awaitable[Any]]) -> Any:
    return await act()


class FaultyClient:
    """A boto3 client whose calls are points."""

    def __init__(self, client: Any, points: Points, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._points = points
        self._loop = loop

    def __getattr__(self, operation: str) -> Any:
        real = getattr(self._client, operation)

        def call(*given: Any, **request: Any) -> Any:
            self._points.look_at(request)
            self._points.reach(operation, "before", self._loop)
            answer = real(*given, **request)
            self._points.reach(operation, "after", self._loop)
            return answer

        return call


class FaultyModel(Alone, Model):
    """A model whose calls are points."""

    def __init__(self, model: Model, points: Points) -> None:
        self._model = model
        self._points = points

    async def get_response(self, *given: Any, **named: Any) -> Any:
        """Return a whole response."""
        await self._points.reach_on_loop("model", "before")
        return await self._model.get_response(*given, **named)

    async def stream_response(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
        """Stream a response; the call counts as answered when half of it is out."""
        await self._points.reach_on_loop("model", "before")
        halfway = False
        async for event in self._model.stream_response(*given, **named):
            yield event
            if event.type in ("response.output_text.delta", "response.function_call_arguments.delta") and not halfway:
                halfway = True
                await self._points.reach_on_loop("model", "after")


def watch(resources: Resources, points: Points) -> None:
    """Make a process's calls of the table and of the bucket points. Its models are, where `build_model` says so."""
    for part in (resources.table, resources.objects):
        part._client = FaultyClient(part.client, points, asyncio.get_running_loop())  # type: ignore[assignment]  # it has the calls that are made
