"""Show the tools that run at OpenAI as tasks of a workflow. ChatKit shows only pictures (chatkit.agents, 1.6.5)."""

from __future__ import annotations

from typing import Any

from agents import StreamEvent
from chatkit.agents import AgentContext
from chatkit.types import CustomTask, SearchTask, Task, URLSource
from openai.types.responses import ResponseFunctionWebSearch
from openai.types.responses.response_function_web_search import ActionSearch

# The items of hosted tools, with their titles and ChatKit's icons. A web search has a task of its own kind.
_TITLES = {
    "web_search_call": ("Searching the web", "search"),
    "file_search_call": ("Searching files", "document"),
    "code_interpreter_call": ("Running code", "square-code"),
    "mcp_call": ("Using a remote tool", "bolt"),
}


class HostedTools:
    """Adds a task when a hosted tool starts, and completes the task when the tool has ended.

    Args:
        context: The turn's context.
    """

    def __init__(self, context: AgentContext[Any]) -> None:
        self._context = context
        self._places: dict[str, tuple[str, int]] = {}

    async def take(self, event: StreamEvent) -> None:
        """Show an event of the model's stream, if a hosted tool caused it."""
        if event.type != "raw_response_event":
            return
        data = event.data
        if data.type not in ("response.output_item.added", "response.output_item.done"):
            return
        if data.item.type not in _TITLES or not isinstance(data.item.id, str):
            return
        if data.type == "response.output_item.added":
            await self._context.add_workflow_task(_task(data.item, "loading"))
            workflow = self._context.workflow_item
            if workflow is not None:
                self._places[data.item.id] = workflow.id, len(workflow.workflow.tasks) - 1
            return
        workflow_id, place = self._places.pop(data.item.id, ("", 0))
        # A message that came in between has ended the workflow.
        if self._context.workflow_item is not None and self._context.workflow_item.id == workflow_id:
            await self._context.update_workflow_task(_task(data.item, "complete"), place)


def _task(item: Any, status: Any) -> Task:
    title, icon = _TITLES[item.type]
    if not isinstance(item, ResponseFunctionWebSearch):
        name = getattr(item, "name", None)
        shown = f"{title}: {name}" if isinstance(name, str) else title
        return CustomTask(title=shown, icon=icon, status_indicator=status)
    action = item.action
    if not isinstance(action, ActionSearch):
        return SearchTask(title=title, status_indicator=status)
    try:
        queries = action.queries or ([action.query] if action.query else [])
        sources = [URLSource(url=source.url, title=source.url) for source in action.sources or []]
        return SearchTask(title=title, queries=queries, sources=sources, status_indicator=status)
    except (AttributeError, TypeError, ValueError):
        # The client does not check the search's details.
        return SearchTask(title=title, status_indicator=status)
