"""A turn ends before Lambda's timeout, and on `chat` also before the HTTP API's timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from starlette.types import Scope

from assistant.api import create_app, lambda_deadline
from assistant.api.services import CurrentContext
from assistant.budgets import END_MARGIN_SECONDS
from assistant.context import Resources
from assistant.settings import Settings
from tests.support.asgi import Call

pytestmark = pytest.mark.anyio


@dataclass
class Context:
    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


async def deadline_of(
    *, streaming: bool, deadline: Callable[[Scope], float | None] | None, context: Context | None = None
) -> float | None:
    """Return the seconds that a request's turn gets."""
    app: FastAPI = create_app(
        Resources(Settings(auth_mode="guest", chat_turn_seconds=25)), streaming=streaming, deadline=deadline
    )
    seen: list[float | None] = []

    @app.get("/deadline")
    async def route(context: CurrentContext) -> None:
        seen.append(context.deadline)

    before = asyncio.get_running_loop().time()
    await Call("GET", "/deadline", extra_scope={} if context is None else {"aws.context": context}).run(app)
    (at,) = seen
    return None if at is None else at - before


async def test_a_stream_without_lambda_has_none() -> None:
    assert await deadline_of(streaming=True, deadline=lambda_deadline) is None
    assert await deadline_of(streaming=True, deadline=None) is None


async def test_a_stream_on_lambda_ends_before_the_function_does() -> None:
    seconds = await deadline_of(streaming=True, deadline=lambda_deadline, context=Context(60_000))
    assert seconds == pytest.approx(60 - END_MARGIN_SECONDS, abs=0.9)


async def test_chat_has_its_own_limit_and_the_nearer_one_counts() -> None:
    alone = await deadline_of(streaming=False, deadline=lambda_deadline)
    far = await deadline_of(streaming=False, deadline=lambda_deadline, context=Context(600_000))
    near = await deadline_of(streaming=False, deadline=lambda_deadline, context=Context(10_000))
    assert alone == pytest.approx(25, abs=0.9)
    assert far == pytest.approx(25, abs=0.9)
    assert near == pytest.approx(10 - END_MARGIN_SECONDS, abs=0.9)


async def test_a_function_that_has_no_time_left_gets_none() -> None:
    seconds = await deadline_of(streaming=True, deadline=lambda_deadline, context=Context(200))
    assert seconds == pytest.approx(0, abs=0.9)
