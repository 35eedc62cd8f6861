"""The scripted server over HTTP: the protocol's routes, the page's files, and a bucket on another origin."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from chatkit.server import StreamingResult
from chatkit.store import NotFoundError
from fastapi import FastAPI, Request, Response, UploadFile
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from tests.e2e.playground.backend import Backend, Received
from tests.e2e.playground.turns import TURN_HEADER, Turn

PAGE = Path(__file__).resolve().parents[3] / "local" / "playground"
# How many events come before a stream is cut.
EVENTS_BEFORE_CUT = 8


class Gallery:
    """Two servers on free ports of 127.0.0.1: the endpoint with the page, and the bucket."""

    def __init__(self) -> None:
        self.sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.url, self.bucket_url = (f"http://127.0.0.1:{s.getsockname()[1]}" for s in self.sockets)
        self.backend = Backend(self.bucket_url)
        self.packages = Path(tempfile.mkdtemp(prefix="packages-"))

    def fresh(self) -> Backend:
        """Forget everything: each test has a store of its own."""
        for turn in self.backend.turns:
            turn.stop()
        self.backend = Backend(self.bucket_url)
        return self.backend

    @contextmanager
    def serving(self) -> Iterator[Gallery]:
        """Serve both until the block ends."""
        apps = [endpoint_app(self), bucket_app(self)]
        servers = [
            uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)) for app in apps
        ]
        threads = [
            threading.Thread(target=server.run, kwargs={"sockets": [sock]})
            for server, sock in zip(servers, self.sockets, strict=True)
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            for server in servers:
                server.should_exit = True
            for thread in threads:
                thread.join()
            shutil.rmtree(self.packages)


async def remember(gallery: Gallery, request: Request) -> Received:
    """Keep a request for the test to look at."""
    received = Received(request.method, request.url.path, dict(request.headers), await request.body())
    gallery.backend.received.append(received)
    return received


def thread_in(received: Received) -> str | None:
    """Return the thread that a request names."""
    thread_id: str | None = received.json.get("params", {}).get("thread_id")
    return thread_id


def endpoint_app(gallery: Gallery) -> FastAPI:
    """Make the ChatKit endpoint, with the page beside it."""
    app = FastAPI()

    @app.post("/chatkit/api")
    async def chatkit(request: Request) -> Response:
        received = await remember(gallery, request)
        backend = gallery.backend
        streaming = received.type.startswith("threads.") and "stream" in request.headers.get("accept", "")
        fault = backend.faults.pop(0) if streaming and backend.faults else None
        if fault == "503":
            return JSONResponse({"error": {"code": "unavailable", "message": "Try again."}}, 503)
        if fault == "429":
            return JSONResponse({"error": {"code": "quota", "message": "You have used up today's tokens."}}, 429)
        if fault == "413":
            return JSONResponse({"error": {"code": "too_large", "message": "That is too large."}}, 413)
        if fault == "404":
            return JSONResponse({"error": {"code": "not_found", "message": "There is no such thread."}}, 404)
        if fault == "401":
            return JSONResponse({"error": {"code": "unauthorized", "message": "Please sign in again."}}, 401)
        if fault == "html":
            return Response("<h1>A proxy's page</h1>", media_type="text/html")
        try:
            result = await backend.server.process(received.body, None)
        except NotFoundError:
            return JSONResponse({"error": {"code": "not_found", "message": "There is no such thread."}}, 404)
        if isinstance(result, StreamingResult):
            turn = Turn(result.json_events, thread_in(received))
            backend.turns.append(turn)
            frames = cut(turn.frames()) if fault == "cut" else turn.frames()
            return StreamingResponse(frames, media_type="text/event-stream", headers={TURN_HEADER: turn.turn_id})
        running = backend.running(thread_in(received) or "")
        headers = {TURN_HEADER: running.turn_id} if running else {}
        return Response(result.json, media_type="application/json", headers=headers)

    @app.post("/chatkit/api/cancel")
    async def cancel(request: Request) -> dict[str, Any]:
        received = await remember(gallery, request)
        running = gallery.backend.running(received.json["thread_id"])
        if running:
            await running.stopped()
        return {"cancelled": running is not None}

    @app.post("/chatkit/api/upload")
    async def upload(request: Request, file: UploadFile) -> Response:
        gallery.backend.received.append(Received("POST", request.url.path, dict(request.headers), b""))
        if file.content_type == "application/x-msdownload":
            return JSONResponse({"error": {"code": "type", "message": "Programs are not allowed."}}, 415)
        backend = gallery.backend
        attachment = backend.files.describe(file.filename or "", file.content_type or "")
        backend.files.content[attachment.id] = await file.read()
        await backend.store.save_attachment(attachment, None)
        body = json.loads(attachment.model_dump_json(exclude_none=True))
        return JSONResponse({**body, "url": f"{gallery.bucket_url}/{attachment.id}"})

    @app.get("/chatkit/api/attachments/{attachment_id}")
    async def attachment(attachment_id: str) -> dict[str, str]:
        return {"url": f"{gallery.bucket_url}/{attachment_id}"}

    @app.get("/chatkit/api/entities")
    async def entities(query: str) -> dict[str, Any]:
        return {"entities": [entity for entity in ENTITIES if query.lower() in entity["title"].lower()]}

    @app.get("/chatkit/api/entities/{entity_id}")
    async def preview(entity_id: str) -> dict[str, Any]:
        return {"preview": {"type": "Basic", "children": [{"type": "Caption", "value": f"id: {entity_id}"}]}}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy", "provider": "scripted"}

    @app.get("/playground.json")
    async def playground() -> dict[str, Any]:
        api = f"{gallery.url}/chatkit/api"
        return {"chat_url": api, "stream_url": api, "upload_url": f"{api}/upload", "composer": COMPOSER, "panel": True}

    app.mount("/packages", CachedFiles(directory=gallery.packages))
    app.mount("/pages", CachedFiles(directory=Path(__file__).parent / "pages", html=True))
    app.mount("/", CachedFiles(directory=PAGE, html=True))
    return app


class CachedFiles(StaticFiles):
    """Files that the browser need not ask for again in the next test."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "max-age=3600"
        return response


ENTITIES: list[dict[str, Any]] = [
    {"id": "employee-7", "title": "Zeeshan", "group": "People", "icon": "profile", "interactive": True},
    {"id": "task-1", "title": "Water the plants", "group": "Tasks", "icon": "check-circle", "interactive": True},
]
COMPOSER = {
    "models": [
        {"id": "swift", "label": "Swift", "description": "Answers at once", "default": True},
        {"id": "deep", "label": "Deep", "description": "Thinks first"},
    ],
    "tools": [
        {
            "id": "search",
            "label": "Search the web",
            "shortLabel": "Search",
            "icon": "globe",
            "placeholderOverride": "Search for…",
        },
        {"id": "draw", "label": "Draw", "icon": "images", "pinned": True},
    ],
}


async def cut(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass on some events, then break the connection in the middle of one."""
    count = 0
    async for frame in frames:
        count += 1
        if count > EVENTS_BEFORE_CUT:
            yield frame[:20]
            raise ConnectionResetError("cut on purpose")
        yield frame


def bucket_app(gallery: Gallery) -> FastAPI:
    """Make the bucket: takes a PUT, gives it back, and knows no one's token."""
    app = FastAPI()
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["PUT"], allow_headers=["content-type", "if-none-match"]
    )

    @app.put("/{key}")
    async def put(key: str, request: Request) -> Response:
        received = await remember(gallery, request)
        gallery.backend.files.content[key] = received.body
        return Response()

    @app.get("/{key}")
    async def get(key: str) -> Response:
        return Response(gallery.backend.files.content[key], media_type="image/png")

    return app
