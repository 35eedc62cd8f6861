"""The ten ChatKit operations that do not stream, such as reads, updates, feedback and dictation."""

from assistant.operations.dispatch import perform, read_items

__all__ = ["perform", "read_items"]
