"""One process of the dev server: it serves functions over HTTP, or runs the sweep on a schedule.

python -m local.functions chat --socket FD      the page, `chat` and `upload`
python -m local.functions stream --socket FD    `stream`
python -m local.functions ingest --socket FD    `ingest` and `job`, which take events as AWS Lambda does
python -m local.functions sweep                 `sweep`, every few seconds
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import logging
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local.own import add_agents, offer_aws_services
from local.panel import panel_routes
from local.parent import stop_with_parent
from local.settings import ANY_HOST, ROOT, load_dev_settings
from local.spans import Spans

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

    from assistant.settings import Settings

logger = logging.getLogger(__name__)

PLAYGROUND = ROOT / "local" / "playground"
# Environment variables from `local.server` with data for the page.
PAGE_URLS = ("CHAT_URL", "STREAM_URL", "UPLOAD_URL")
SWEEP_INTERVAL_SECONDS = 5.0
# The time limit of `ingest` and `job` in the template.
EVENT_SECONDS = 900.0
# Running responses get this many seconds to finish when the server stops or reloads.
SHUTDOWN_SECONDS = 5
# The exit code of a process with wrong settings, which it has reported: EX_CONFIG of sysexits.h.
CONFIGURATION_EXIT = 78
# Where `stream` says whether it could load the agents' package.
PACKAGE_PATH = "/dev/package"


def load_function(name: str) -> ModuleType:
    """Import `functions/<name>/app.py` under a unique name, because each function's module is called `app`."""
    folder = ROOT / "functions" / name
    add_agents()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(f"{name}_app", folder / "app.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder / 'app.py'} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def front_door(environment: Mapping[str, str], spans: Spans | None) -> ASGIApp:
    """Return the app of the first port: the page, `chat`, and `upload` on the same route as in the HTTP API."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    from assistant.api.base_path import split_path
    from assistant.settings import load_settings

    chat: FastAPI = load_function("chat").app
    upload: FastAPI = load_function("upload").app
    settings = load_settings(environment)
    panel = panel_routes(environment, load_dev_settings(environment), spans)
    shown = {
        **{name.lower(): environment[name] for name in PAGE_URLS},
        "composer": _composer(settings),
        "panel": bool(panel),
    }

    def playground_json(request: Request) -> JSONResponse:
        return JSONResponse(shown, headers={"Cache-Control": "no-store"})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for function in (chat, upload):
                await stack.enter_async_context(function.router.lifespan_context(function))
            yield

    page = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/playground.json", playground_json),
            *panel,
            Mount("/", _revalidated(StaticFiles(directory=PLAYGROUND, html=True))),
        ],
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _, path = split_path(scope.get("path", ""), settings.base_path)
        if scope["type"] == "http" and path == "/chatkit/api/upload":
            await upload(scope, receive, send)
        elif scope["type"] == "http" and (path.startswith("/chatkit/") or path == "/health"):
            await chat(scope, receive, send)
        else:
            await page(scope, receive, send)

    return app


def with_package_report(app: FastAPI) -> ASGIApp:
    """Return the app of `stream` with `PACKAGE_PATH`: why turns cannot run, as a text; empty if they can."""
    from starlette.responses import PlainTextResponse

    from assistant.failures import failure_of

    settings: Settings = app.state.services.resources.settings

    async def with_report(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PACKAGE_PATH:
            await app(scope, receive, send)
            return
        # The start has loaded it, so this takes no time unless it failed.
        from assistant.turns import load_server

        found = ""
        try:
            await asyncio.to_thread(load_server, settings)
        except Exception as error:
            found = failure_of("messages cannot be answered", error).title
        await PlainTextResponse(found)(scope, receive, send)

    return with_report


def _composer(settings: Settings) -> dict[str, list[dict[str, str]]]:
    """Return ChatKit's `composer` options with the allowed models and tools."""
    from assistant.identity import DEFAULT_ROLE

    tools = [
        {"id": name, "label": name.replace("_", " ").capitalize(), "icon": "bolt"} for name in settings.allowed_tools
    ]
    # The page's user is a guest.
    models = settings.allowed_models.of(DEFAULT_ROLE)
    return {"models": [{"id": name, "label": name} for name in models], "tools": tools}


def _revalidated(app: ASGIApp) -> ASGIApp:
    """Make the browser check each file again, so that a reload shows an edit."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_header(message: Mapping[str, object]) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", [])
                assert isinstance(headers, list)  # noqa: S101 - what ASGI says it is
                headers.append((b"cache-control", b"no-cache"))
            await send(dict(message))

        await app(scope, receive, send_with_header)

    return wrapped


def _hosts(environment: Mapping[str, str]) -> list[str]:
    """Return the host names that requests to this server may use.

    A page elsewhere can give its own name this machine's address (DNS rebinding). To a browser it is then a page of
    this server, and its calls would be those of this server's guest.
    """
    if environment.get("HOST", "").strip() == ANY_HOST:
        return ["*"]
    origins = environment["ALLOWED_ORIGINS"].split(",")
    return [urlsplit(origin).hostname or "*" for origin in origins]


def serve(app: ASGIApp, descriptor: int) -> None:
    """Serve an app on a socket of the parent until SIGTERM."""
    import uvicorn
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    known = TrustedHostMiddleware(app, allowed_hosts=_hosts(os.environ), www_redirect=False)
    config = uvicorn.Config(known, log_level="warning", timeout_graceful_shutdown=SHUTDOWN_SECONDS)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


@dataclass(frozen=True)
class ScheduledContext:
    """The part of Lambda's context object that handlers use."""

    function_name: str = "sweep"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:sweep"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    deadline: float = field(default_factory=lambda: time.monotonic() + 60.0)

    def get_remaining_time_in_millis(self) -> int:
        """Return the handler's remaining time."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def sweep_for_ever() -> None:
    """Run the sweep every few seconds until SIGTERM. A failure is logged, and the next run tries again."""
    handler = load_function("sweep").lambda_handler
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    while not stopped.wait(SWEEP_INTERVAL_SECONDS):
        try:
            handler({"source": "local"}, ScheduledContext())
        except Exception:
            logger.exception("The sweep failed")


def events_endpoint() -> ASGIApp:
    """Return an app with Lambda's call `Invoke` for asynchronous events: it answers at once, and runs a function."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    handlers = {name: load_function(name).lambda_handler for name in ("ingest", "job")}
    running: set[asyncio.Task[None]] = set()

    async def work(name: str, event: dict[str, object]) -> None:
        context = ScheduledContext(deadline=time.monotonic() + EVENT_SECONDS)
        try:
            await run_in_threadpool(handlers[name], event, context)
        except Exception:
            logger.exception("The function %s failed", name)

    async def invoke(request: Request) -> Response:
        task = asyncio.create_task(work(request.path_params["name"], await request.json()))
        running.add(task)
        task.add_done_callback(running.discard)
        return Response(status_code=202)

    return Starlette(routes=[Route("/2015-03-31/functions/{name}/invocations", invoke, methods=["POST"])])


def run(name: str, descriptor: int, spans: int | None) -> None:
    """Run one process until SIGTERM.

    Args:
        name: `chat`, `stream`, `ingest` or `sweep`.
        descriptor: The socket to listen on; the sweep has none.
        spans: The socket that takes the functions' calls; `chat` alone has one, because it serves the panel.
    """
    if name == "chat":
        received = None if spans is None else Spans(socket.socket(fileno=spans))
        serve(front_door(os.environ, received), descriptor)
    elif name == "stream":
        serve(with_package_report(load_function("stream").app), descriptor)
    elif name == "ingest":
        serve(events_endpoint(), descriptor)
    else:
        sweep_for_ever()


def main() -> None:
    """Run the process that the command line names. Return `CONFIGURATION_EXIT` if a setting is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=["chat", "stream", "ingest", "sweep"])
    parser.add_argument("--socket", type=int, help="the descriptor of a listening socket")
    parser.add_argument("--spans", type=int, help="the descriptor of the socket that takes the functions' calls")
    arguments = parser.parse_args()
    stop_with_parent()
    add_agents()
    from assistant.errors import ConfigurationError, ImportFailedError
    from assistant.failures import failure_of
    from local.log import log_for_developers

    log_for_developers(arguments.name, os.environ)
    try:
        offer_aws_services(os.environ)
        run(arguments.name, arguments.socket, arguments.spans)
    except ImportFailedError as error:
        print(failure_of(f"{arguments.name} cannot start", error), file=sys.stderr, flush=True)
        sys.exit(CONFIGURATION_EXIT)
    except ConfigurationError as error:
        # A wrong setting is not a bug, so print only the message and no traceback.
        print(f"{arguments.name} cannot start: {error}", file=sys.stderr, flush=True)
        sys.exit(CONFIGURATION_EXIT)


if __name__ == "__main__":
    main()
