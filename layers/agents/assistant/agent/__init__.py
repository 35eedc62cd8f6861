"""The agents' side of a turn: the model's input from the thread, the run, and its output as ChatKit's events."""

from assistant.agent.server import AssistantServer

__all__ = ["AssistantServer"]
