"""`/chatkit/api/own/…`: the routes of the agents' package, which its hook `build_router` returns.

Each of them answers 401 to a request without a valid token. They are loaded by the first request for one of them, so no
other request waits.
"""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.api.errors import add_error_handlers
from assistant.api.services import NEEDS_CALLER, NO_TELEMETRY, Services
from assistant.errors import NotFoundError
from assistant.hooks import find_hook

PATH = "/chatkit/api/own"
NO_ROUTES = "This deployment has no routes of its own."


class OwnRoutes:
    """An ASGI app that passes requests to the package's router.

    Args:
        services: What the platform's routes share. `CurrentContext` finds it here too.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._app: ASGIApp | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            NotFoundError: The package has no routes.
            ConfigurationError: The package cannot be loaded.
        """
        async with self._loading:
            if self._app is None:
                self._app = await asyncio.to_thread(self._load)
        await self._app(scope, receive, send)

    def _load(self) -> ASGIApp:
        build_router = find_hook(self._services.resources.settings, "build_router")
        if build_router is None:
            raise NotFoundError(NO_ROUTES)
        app = FastAPI(openapi_url=None, redirect_slashes=False, telemetry=NO_TELEMETRY)
        app.state.services = self._services
        app.include_router(build_router(), dependencies=[NEEDS_CALLER])
        add_error_handlers(app)
        return app
