"""Let an invocation end only after what follows its turn."""

from __future__ import annotations

import os

from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.budgets import LAST_SECONDS, TRACE_FLUSH_SECONDS
from assistant.context import Resources
from assistant.otel import flush


class AfterTurns:
    """Waits after each response for the hooks of ended turns and, on Lambda, for the export of their traces.

    Lambda freezes the process afterwards. A streamed response has ended by then, so its client does not wait.
    """

    def __init__(self, app: ASGIApp, resources: Resources) -> None:
        self._app = app
        self._resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, and wait."""
        await self._app(scope, receive, send)
        if scope["type"] != "http":
            return
        if self._resources.ending:
            from assistant import turns

            await turns.ended(self._resources)
        # Elsewhere the SDK's thread exports in its own time.
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            await flush(_seconds_left(scope))


def _seconds_left(scope: Scope) -> float:
    context = scope.get("aws.context")
    if context is None:
        return TRACE_FLUSH_SECONDS
    remaining: float = context.get_remaining_time_in_millis() / 1000
    return min(TRACE_FLUSH_SECONDS, remaining - LAST_SECONDS)
