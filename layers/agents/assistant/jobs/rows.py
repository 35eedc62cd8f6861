"""A job's row in its thread's partition, and the sweep's work on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from assistant import clock
from assistant.aws import Row, Write, keys
from assistant.aws.keys import Key
from assistant.identity import Caller
from assistant.threads import SCHEMA_VERSION

JOB_KIND = "job"
State = Literal["queued", "running", "done", "failed", "cancelled"]
LIVE: tuple[State, ...] = ("queued", "running")
# A heartbeat renews the lease three times in this time.
LEASE = timedelta(seconds=90)
# The sweep looks at each job from then on. An invocation begins within seconds.
FIRST_LOOK = timedelta(minutes=2)
# Runs without a checkpoint between them. A process that dies three times would die again.
MAX_ATTEMPTS = 3
# A row has at most 400 KB. The arguments and the state are ids and numbers, not documents.
MAX_JSON_CHARACTERS = 100_000


@dataclass(frozen=True)
class JobRef:
    """The address of a job.

    Attributes:
        owner: The user of its thread.
        thread_id: The thread.
        job_id: The job.
    """

    owner: Caller
    thread_id: str
    job_id: str

    @property
    def key(self) -> Key:
        """The key of the job's row."""
        return Key(self.owner.thread(self.thread_id).partition, keys.job_sk(self.job_id))

    def event(self) -> dict[str, str]:
        """Return the event that lets the function `job` run the job."""
        return {
            "tenant_id": self.owner.tenant_id,
            "user_id": self.owner.user_id,
            "thread_id": self.thread_id,
            "job_id": self.job_id,
        }


def ref_of(event: Row) -> JobRef:
    """Return the job that an event or a row of work names."""
    return JobRef(Caller(event["tenant_id"], event["user_id"]), event["thread_id"], event["job_id"])


def work_of(ref: JobRef, created_at: str) -> Write:
    """Return the write of the sweep's work on a job. Its key follows from the job."""
    due = datetime.fromisoformat(created_at) + FIRST_LOOK
    row: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": JOB_KIND,
        **ref.event(),
    }
    return Write(keys.sweep_key(due, f"{ref.key.pk}/{ref.job_id}", JOB_KIND), put=row)


def lease_end() -> float:
    """Return the end of a lease that begins now, in seconds since 1970, UTC."""
    return (clock.now() + LEASE).timestamp()


def is_alive(row: Row) -> bool:
    """Tell whether a process runs the job."""
    return row["state"] == "running" and bool(row.get("lease", 0) > clock.now().timestamp())


def dumped(value: Any, what: str) -> str:
    """Return a value as JSON for a row.

    Raises:
        ValueError: it is too long, or no JSON.
    """
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > MAX_JSON_CHARACTERS:
        raise ValueError(f"{what} of a job may have at most {MAX_JSON_CHARACTERS} characters as JSON.")
    return text
