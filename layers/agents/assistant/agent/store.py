"""A view of the store without the hidden rounds of tool calls, for agents and for ChatKit's own code.

ChatKit looks for an open workflow among a thread's last two items (chatkit.agents, 1.6.5). A hidden item between them
would make it start a second workflow.
"""

from __future__ import annotations

from typing import Any

from chatkit.types import Page, ThreadItem

from assistant.context import RequestContext
from assistant.threads import ThreadStore, is_tool_round


class AgentStore:
    """A view of a store. Everything else is delegated to the store."""

    def __init__(self, store: ThreadStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: RequestContext
    ) -> Page[ThreadItem]:
        """Return a page of items without the rounds of tool calls."""
        seen: list[ThreadItem] = []
        while True:
            page = await self._store.load_thread_items(thread_id, after, limit, order, context)
            seen += [item for item in page.data if not is_tool_round(item)]
            after = page.after
            if len(seen) > limit:
                return Page(data=seen[:limit], has_more=True, after=seen[limit - 1].id)
            if len(seen) == limit or not page.has_more:
                return Page(data=seen, has_more=page.has_more, after=after)
