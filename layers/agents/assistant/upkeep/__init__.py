"""Maintenance of a deployment: the sweep, and the export and erasure of one user's data."""

from assistant.upkeep.privacy import account_data, erase, file_ids, request_erasure, thread_data, thread_ids
from assistant.upkeep.sweep import sweep

__all__ = ["account_data", "erase", "file_ids", "request_erasure", "sweep", "thread_data", "thread_ids"]
