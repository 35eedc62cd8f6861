"""Serve an MCP server over HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from mcp.server.mcpserver import MCPServer


@asynccontextmanager
async def served(server: MCPServer) -> AsyncIterator[str]:
    """Serve on a free port of this machine, and yield the address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="warning", lifespan="on"))
    running = asyncio.create_task(app.serve(sockets=[listener]))
    while not app.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    app.should_exit = True
    await running
