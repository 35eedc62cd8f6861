"""The ten operations that answer at once."""

from assistant.operations.dispatch import perform

__all__ = ["perform"]
