"""The stock server of the cold benchmark: what the SDKs' documentation shows, on DynamoDB and S3 as first written."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

import boto3
from agents import RunConfig, Runner
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem
from fastapi import FastAPI, Request, UploadFile
from fastapi.responses import Response, StreamingResponse
from mangum import Mangum

from benchmarks.cold_agent import build_agent
from benchmarks.store_peers import NaiveStore

bucket = os.environ["BUCKET_NAME"]
s3 = boto3.client("s3")
store = NaiveStore(boto3.client("dynamodb"), os.environ["TABLE_NAME"])
agent = build_agent(None)


class StockServer(ChatKitServer[dict[str, Any]]):
    """The SDK's server, as its documentation shows it."""

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: dict[str, Any]
    ) -> AsyncIterator[ThreadStreamEvent]:
        page = await self.store.load_thread_items(thread.id, None, 20, "desc", context)
        agent_context: AgentContext[Any] = AgentContext(thread=thread, store=self.store, request_context=context)
        result = Runner.run_streamed(
            agent,
            await simple_to_agent_input(page.data[::-1]),
            context=agent_context,
            run_config=RunConfig(tracing_disabled=True),
        )
        async for event in stream_agent_response(agent_context, result):
            yield event


app = FastAPI()
server = StockServer(store)


@app.post("/chatkit/api")
async def chatkit(request: Request) -> Response:
    """Answer a ChatKit request."""
    result = await server.process(await request.body(), {})
    if isinstance(result, StreamingResult):
        return StreamingResponse(result, media_type="text/event-stream")
    return Response(result.json, media_type="application/json")


@app.post("/chatkit/api/upload")
async def upload(file: UploadFile) -> dict[str, Any]:
    """Store a file."""
    key = uuid.uuid4().hex
    s3.put_object(Bucket=bucket, Key=key, Body=await file.read(), ContentType=file.content_type or "")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
    return {"id": key, "name": file.filename, "url": url}


lambda_handler = Mangum(app, lifespan="off")
