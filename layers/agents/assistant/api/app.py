"""Build the apps from routes, error handlers and CORS."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI

from assistant.api import (
    admin,
    attachments,
    cancel,
    chatkit,
    choices,
    entities,
    fork,
    health,
    knowledge,
    limits,
    memory,
    my_data,
    own,
    people,
    search,
    shares,
    tenant_usage,
    upload,
    usage,
    visitor,
)
from assistant.api.after_turns import AfterTurns
from assistant.api.answer_size import AnswerSizeLimit
from assistant.api.base_path import BasePath
from assistant.api.cors import add_cors
from assistant.api.errors import add_error_handlers
from assistant.api.services import NO_TELEMETRY, Deadline, Services
from assistant.aws import MAX_ANSWER_BYTES
from assistant.budgets import TRACE_FLUSH_SECONDS
from assistant.context import Resources
from assistant.failures import log_failure
from assistant.identity import Authenticator
from assistant.otel import flush
from assistant.settings import Settings, check_variables

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from assistant.api.handler import Handler


def create_app(resources: Resources | None = None, *, streaming: bool, deadline: Deadline | None = None) -> FastAPI:
    """Return the app of the functions `chat` and `stream`.

    Args:
        resources: Table, bucket and settings. Default: made from the environment.
        streaming: Whether the app sends an answer event by event. If not, a turn also ends after
            `CHAT_TURN_SECONDS`, and the plain call returns one JSON object.
        deadline: Returns the deadline of a request's turn, in seconds of the event loop's clock.

    Raises:
        ConfigurationError: An environment variable is invalid, or one of the agents' package.
    """
    services = _services(resources, streaming=streaming, deadline=deadline)
    if resources is None:
        check_variables(services.resources.settings.agent_factory)
    own_data = (fork, shares, attachments, memory, search, my_data)
    staff = (people, admin, tenant_usage)
    every = (chatkit, cancel, usage, limits, choices, entities, *own_data, knowledge, visitor, *staff, health)
    routers = [each.router for each in every]
    app = _app(services, *routers, whole=not streaming)
    app.mount(own.PATH, own.OwnRoutes(services))
    return app


def create_upload_app(resources: Resources | None = None) -> FastAPI:
    """Return the app of the function `upload`.

    Args:
        resources: Table, bucket and settings. Default: made from the environment.

    Raises:
        ConfigurationError: An environment variable is invalid.
    """
    return _app(_services(resources), upload.router, health.router)


def make_handler(app: FastAPI) -> Handler:
    """Return the Lambda handler of an app, without streaming. It runs all invocations on one event loop."""
    # Imported here because the function `stream` with its runtime, and the dev server, do not need it.
    from assistant.api.handler import Handler

    return Handler(app, lifespan="off")


def _services(resources: Resources | None, *, streaming: bool = False, deadline: Deadline | None = None) -> Services:
    made = resources or Resources()
    return Services(made, Authenticator(made.settings), streaming=streaming, deadline=deadline)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """At the start, load what turns need, if `PRELOAD=init`. At shutdown, store the answers of running turns."""
    services: Services = app.state.services
    resources = services.resources
    if services.streaming and resources.settings.preload == "init":
        await _preload(resources.settings)
    yield
    if resources.running:
        from assistant import turns

        await turns.close(resources)
    await flush(TRACE_FLUSH_SECONDS)


async def _preload(settings: Settings) -> None:
    from assistant import turns

    try:
        await turns.preload(settings)
    except Exception as error:
        # Reads work without it, and each message reports the failure.
        log_failure(logger, "PRELOAD=init: what turns need cannot be loaded", error)


def _app(services: Services, *routers: APIRouter, whole: bool = False) -> FastAPI:
    # No OpenAPI schema: building it from ChatKit's unions makes the start slower.
    app = FastAPI(openapi_url=None, redirect_slashes=False, lifespan=_lifespan, telemetry=NO_TELEMETRY)
    app.state.services = services
    for router in routers:
        app.include_router(router)
    # The middleware added last runs first, so that errors get CORS headers too.
    add_error_handlers(app)
    if whole:
        app.add_middleware(AnswerSizeLimit, most=MAX_ANSWER_BYTES)
    add_cors(app, services.resources.settings)
    app.add_middleware(BasePath, prefixes=services.resources.settings.base_path)
    app.add_middleware(AfterTurns, resources=services.resources)
    return app
