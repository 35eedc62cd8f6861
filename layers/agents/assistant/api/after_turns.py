"""Let an invocation end only after what follows its turn."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.context import Resources


class AfterTurns:
    """Waits after each response until the hooks of ended turns are done: Lambda freezes the process afterwards.

    A streamed response has ended by then, so its client does not wait.
    """

    def __init__(self, app: ASGIApp, resources: Resources) -> None:
        self._app = app
        self._resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, and wait."""
        await self._app(scope, receive, send)
        if scope["type"] == "http" and self._resources.ending:
            from assistant import turns

            await turns.ended(self._resources)
