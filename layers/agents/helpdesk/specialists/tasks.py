"""The agent for tasks."""

from __future__ import annotations

from agents import Agent

from assistant.settings import Settings
from helpdesk.specialists.instructions import HelpdeskAgent, with_caller
from helpdesk.tools.tasks import add_task, complete_task, list_tasks

_INSTRUCTIONS = """\
You are the task assistant of a helpdesk. You list, add and complete the user's own tasks.
After list_tasks, say no more than one short sentence: the list is on the user's screen.
Take the priority from the user's words; it is medium when nothing is said."""


def build_tasks_agent(settings: Settings) -> HelpdeskAgent:
    """Return the agent that manages the user's tasks."""
    return Agent(
        name="Tasks",
        handoff_description="Lists, adds and completes the user's tasks and to-dos.",
        instructions=with_caller(_INSTRUCTIONS),
        tools=[list_tasks, add_task, complete_task],
    )
