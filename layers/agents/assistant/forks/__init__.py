"""Forks: copy a thread up to one of its items into a new thread of the same user.

A fork is invisible until its copy is complete. The first write is work for the sweep. So a killed process leaves no
incomplete thread: the sweep completes the copy, or removes it if the source is gone.
"""

from assistant.forks.copying import copy_fork
from assistant.forks.forking import Fork, find_fork, fork_thread, resume_fork
from assistant.forks.origin import FORKED_FROM
from assistant.forks.rows import FORK_KIND

__all__ = ["FORKED_FROM", "FORK_KIND", "Fork", "copy_fork", "find_fork", "fork_thread", "resume_fork"]
