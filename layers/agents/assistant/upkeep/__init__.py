"""Maintenance of a deployment: the sweep, and the export and erasure of one user's data."""

from assistant.upkeep.privacy import account_data, erase, file_ids, request_erasure, thread_data, thread_ids
from assistant.upkeep.sweep import sweep
from assistant.upkeep.visitors import left_to_take_along, request_take_along, take_along

__all__ = [
    "account_data",
    "erase",
    "file_ids",
    "left_to_take_along",
    "request_erasure",
    "request_take_along",
    "sweep",
    "take_along",
    "thread_data",
    "thread_ids",
]
