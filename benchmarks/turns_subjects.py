"""The subjects of the turns' benchmark: the same turn, on the SDK's bare server and on ours."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

from chatkit.server import StreamingResult
from chatkit.types import ChatKitReq
from pydantic import TypeAdapter

from assistant import turns
from assistant.api.events import encoded_events
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from benchmarks.turns_peer import BareServer, MemoryStore

READS = {"get_item", "query", "batch_get_item"}
CALLER = Caller("bench", "user")
BODY = json.dumps(
    {
        "type": "threads.create",
        "params": {
            "input": {
                "content": [{"type": "input_text", "text": "hello"}],
                "attachments": [],
                "inference_options": {},
            }
        },
    }
)


class Bare:
    """The SDK's server on a store in memory."""

    def __init__(self) -> None:
        self._server = BareServer(MemoryStore())

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Run a turn."""
        result = await self._server.process(BODY, None)
        async for frame in cast(StreamingResult, result):
            yield frame


class Surviving:
    """Our turns on the table."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._adapter: TypeAdapter[Any] = TypeAdapter(ChatKitReq)
        self.operations: list[str] = []
        self._call = resources.table._call
        resources.table._call = self._counted  # type: ignore[method-assign]  # each call is counted on its way

    async def _counted(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.operations.append(operation)
        return await self._call(operation, request)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Run a turn."""
        context = RequestContext(CALLER, self._resources)
        request = self._adapter.validate_json(BODY)
        turn = await turns.start(request, context, idempotency_key=os.urandom(8).hex(), frame_id=None)
        async for frame in encoded_events(turn, context):
            yield frame
        await turn.wait()

    @property
    def writes(self) -> int:
        """Calls that wrote."""
        return sum(operation not in READS for operation in self.operations)

    @property
    def reads(self) -> int:
        """Calls that read."""
        return len(self.operations) - self.writes
