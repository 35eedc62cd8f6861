"""Run a Python workflow that OpenAI's Agent Builder has exported: its steps become the steps of a turn.

This package does not import the agents SDK. The export does, when the agents' package is loaded.
"""

from assistant.workflows.active import (
    STATE_KEY,
    ActiveWorkflow,
    WorkflowPaused,
    activate,
    current_context,
    thread_state,
)
from assistant.workflows.export import OutputShower, Workflow, workflow_agent
from assistant.workflows.journal import Approval, Journal, OpenRun, Run
from assistant.workflows.results import recorded, replayed
from assistant.workflows.text import UserText

__all__ = [
    "STATE_KEY",
    "ActiveWorkflow",
    "Approval",
    "Journal",
    "OpenRun",
    "OutputShower",
    "Run",
    "UserText",
    "Workflow",
    "WorkflowPaused",
    "activate",
    "current_context",
    "recorded",
    "replayed",
    "thread_state",
    "workflow_agent",
]
