"""A process that performs one operation and is killed at a point of it."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

from chatkit.types import ChatKitReq, StreamingReq
from pydantic import TypeAdapter

from assistant.identity import Caller
from assistant.models import build_model
from assistant.models.demo import DemoModel
from assistant.settings import Settings
from tests.faults.forked import fork_context
from tests.faults.points import FaultyModel, Points, watch
from tests.faults.timing import quicken
from tests.support import turn_agents  # noqa: F401 - loaded before the fork
from tests.support.turns import Process, follow

# The slowest point is reached within seconds; a loaded machine gets longer.
PATIENCE_SECONDS = 60.0


def perform(settings: Settings, caller: Caller, request: str, at: int) -> None:
    """Perform a request, and die at a point of it."""
    quicken()
    points = Points(at=at, harm="killed")

    async def run() -> None:
        process = Process(settings, caller)
        watch(process.resources, points)
        adapter: TypeAdapter[Any] = TypeAdapter(ChatKitReq)
        handle = await process.start(adapter.validate_json(request))
        await follow(handle)
        await handle.wait()

    with (
        patch("assistant.agent.titles.build_model", lambda *given: DemoModel()),
        patch("assistant.agent.server.build_model", lambda *given: FaultyModel(build_model(*given), points)),
    ):
        asyncio.run(run())


def perform_and_die(settings: Settings, caller: Caller, request: StreamingReq, at: int) -> bool:
    """Have a process perform a request and be killed at a point. Return whether it came so far."""
    child = fork_context().Process(target=perform, args=(settings, caller, request.model_dump_json(), at))
    child.start()
    child.join(PATIENCE_SECONDS)
    assert child.exitcode in (0, -9), f"the process ended with {child.exitcode}"
    return child.exitcode == -9
