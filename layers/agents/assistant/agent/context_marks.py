"""The marks around text that is sent with the role `user` but that the user did not write."""

from __future__ import annotations

CONTEXT_START, CONTEXT_END = "<context>", "</context>"
