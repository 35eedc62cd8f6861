"""Apps with Starlette, FastAPI, sse-starlette and Powertools for the streaming runtime."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from fastapi import BackgroundTasks, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from sse_starlette import EventSourceResponse
from starlette.websockets import WebSocket

NOTES: list[str] = []
AT_START: set[str] = set()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
    AT_START.update(sys.modules)
    yield {"pool": "open"}


app = FastAPI(lifespan=lifespan)


@app.get("/streaming")
async def streaming() -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        for number in range(5):
            yield f"part {number}\n"
            await asyncio.sleep(0.001)

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/sync-generator")
def sync_generator() -> StreamingResponse:
    def parts() -> Iterator[bytes]:
        for number in range(5):
            time.sleep(0.001)
            yield b"part %d\n" % number

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/sse")
async def sse(request: Request) -> EventSourceResponse:
    async def events() -> AsyncIterator[dict[str, str]]:
        for number in range(3):
            yield {"event": "token", "data": str(number)}
            await asyncio.sleep(0.25)

    return EventSourceResponse(events(), ping=0.1)


@app.get("/sse-until-told")
async def sse_until_told(request: Request) -> EventSourceResponse:
    async def events() -> AsyncIterator[dict[str, str]]:
        try:
            while True:
                yield {"data": "on"}
                await asyncio.sleep(0.02)
        finally:
            NOTES.append("generator closed")

    return EventSourceResponse(events())


@app.get("/background")
async def background(tasks: BackgroundTasks) -> dict[str, bool]:
    async def later() -> None:
        await asyncio.sleep(0.05)
        NOTES.append("background ran")

    tasks.add_task(later)
    return {"queued": True}


@app.get("/notes")
async def notes() -> list[str]:
    return NOTES


@app.post("/upload")
async def upload(request: Request) -> dict[str, Any]:
    form = await request.form()
    return {"fields": sorted(form), "pool": request.state.pool}


@app.get("/late-imports")
async def late_imports() -> list[str]:
    return sorted(set(sys.modules) - AT_START)


@app.get("/cookies")
async def cookies(request: Request, response: Response) -> dict[str, str]:
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return request.cookies


@app.websocket("/websocket")
async def websocket(socket: WebSocket) -> None:
    await socket.accept()


logger = Logger(service="shop")
tracer = Tracer(service="shop")
metrics = Metrics(namespace="Shop", service="shop")


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def _handled(event: dict[str, Any], context: Any) -> str:
    logger.info("handled", extra={"order": 7})
    tracer.put_annotation("order", "7")
    metrics.add_metric(name="Orders", unit=MetricUnit.Count, value=1)
    return _inner()


@tracer.capture_method
def _inner() -> str:
    return "powered"


@app.get("/powertools")
async def powertools(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        yield _handled(request.scope["aws.event"], request.scope["aws.context"])

    return StreamingResponse(parts())
