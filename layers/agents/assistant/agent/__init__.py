"""Run agents: build the model's input from the thread, run the agent, turn its output into ChatKit events."""

from assistant.agent.configuration import run_config
from assistant.agent.marks import note_passages
from assistant.agent.output import PARTIAL_IMAGES
from assistant.agent.server import MAX_MODEL_CALLS, AssistantServer, load_agent
from assistant.agent.tools import assistant_tool, explain_failure
from assistant.text import CONTEXT_START

__all__ = [
    "CONTEXT_START",
    "MAX_MODEL_CALLS",
    "PARTIAL_IMAGES",
    "AssistantServer",
    "assistant_tool",
    "explain_failure",
    "load_agent",
    "note_passages",
    "run_config",
]
