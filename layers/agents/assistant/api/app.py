"""The apps, put together from routes, errors and CORS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from assistant.api import cancel, chatkit, entities, health, upload, usage
from assistant.api.cors import add_cors
from assistant.api.errors import add_error_handlers
from assistant.api.services import Deadline, Services
from assistant.api.whole import WholeAnswers
from assistant.aws import MAX_ANSWER_BYTES
from assistant.context import Resources
from assistant.identity import Authenticator


def create_app(resources: Resources | None = None, *, streaming: bool, deadline: Deadline | None = None) -> FastAPI:
    """Return the app of the functions `chat` and `stream`.

    Args:
        resources: Table, bucket and settings; made from the environment by default.
        streaming: Whether the answer goes out event by event. If not, a turn also ends after
            `CHAT_TURN_SECONDS`, and the plain call is answered by one JSON object.
        deadline: Says when a request's turn must have ended, in seconds of the event loop's clock.

    Raises:
        ConfigurationError: the environment holds values that cannot be used.
    """
    services = _services(resources, streaming=streaming, deadline=deadline)
    routers = chatkit.router, cancel.router, usage.router, entities.router, health.router
    return _app(services, *routers, whole=not streaming)


def create_upload_app(resources: Resources | None = None) -> FastAPI:
    """Return the app of the function `upload`.

    Args:
        resources: Table, bucket and settings; made from the environment by default.

    Raises:
        ConfigurationError: the environment holds values that cannot be used.
    """
    return _app(_services(resources), upload.router, health.router)


def _services(resources: Resources | None, *, streaming: bool = False, deadline: Deadline | None = None) -> Services:
    made = resources or Resources()
    return Services(made, Authenticator(made.settings), streaming=streaming, deadline=deadline)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """At the shutdown, store what the turns that still run have said."""
    yield
    resources: Resources = app.state.services.resources
    if resources.running:
        from assistant import turns

        await turns.close(resources)


def _app(services: Services, *routers: APIRouter, whole: bool = False) -> FastAPI:
    # A schema of two dozen ChatKit unions helps nobody and costs start-up time.
    app = FastAPI(openapi_url=None, redirect_slashes=False, lifespan=_lifespan)
    app.state.services = services
    for router in routers:
        app.include_router(router)
    # What is added last is outermost: errors get their CORS headers too.
    add_error_handlers(app)
    if whole:
        app.add_middleware(WholeAnswers, most=MAX_ANSWER_BYTES)
    add_cors(app, services.resources.settings)
    return app
