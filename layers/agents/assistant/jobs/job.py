"""What a job's function gets: its arguments, its checkpoint, and calls that report progress."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assistant.aws import ConditionFailedError, Row
from assistant.context import RequestContext
from assistant.jobs.errors import JobCancelledError, JobLostError, JobPausedError
from assistant.jobs.rows import JobRef, dumped, lease_end
from assistant.text import cleaned_line

if TYPE_CHECKING:
    from agents import Agent, TResponseInputItem

    from assistant.aws import Table

MAX_NOTE_CHARACTERS = 200
# Model calls of one run of an agent. The SDK's own default.
MAX_TURNS = 10
# The condition of each write of a run: the job still runs, and in this run.
OURS = "run_id = :run AND #state = :running"
NAMES = {"#state": "state"}


class Job:
    """One run of a job.

    Attributes:
        arguments: The arguments that the tool has passed.
        state: The state of the last checkpoint; None at the start.
        context: A context of the thread's user, for the table and the bucket.
        thread_id: The thread.
    """

    def __init__(
        self, ref: JobRef, row: Row, run_id: str, context: RequestContext, time_is_up: Callable[[], bool]
    ) -> None:
        self.arguments: dict[str, Any] = json.loads(row["arguments"])
        self.state: Any = json.loads(row["saved"]) if "saved" in row else None
        self.context = context
        self.thread_id = ref.thread_id
        self._ref = ref
        self._run_id = run_id
        self._time_is_up = time_is_up
        self.row = row

    async def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        """Show how far the job is. Call it at least each few minutes, so that a cancel takes effect.

        Args:
            done: How much is done.
            total: How much there is to do; None if this is not known.
            note: A line for the user.

        Raises:
            JobCancelledError: the user has cancelled the job. Clean up in `finally`, and do not catch it.
        """
        line = cleaned_line(note)[:MAX_NOTE_CHARACTERS]
        values: dict[str, Any] = {":done": done, ":note": line}
        update = "done = :done, note = :note"
        if total is not None:
            update, values[":total"] = f"{update}, goal = :total", total
        await self._write(update, values)

    async def checkpoint(self, state: Any) -> None:
        """Store the state of the job. The next run, after a killed process or an invocation's end, starts from it.

        Args:
            state: Anything that is JSON: ids and numbers, not documents.

        Raises:
            JobCancelledError: the user has cancelled the job.
            JobPausedError: the invocation ends soon. Do not catch it: another invocation continues.
        """
        self.state = state
        # A checkpoint is progress, so the count of attempts starts again.
        await self._write("saved = :saved, attempts = :none", {":saved": dumped(state, "The checkpoint"), ":none": 0})
        if self._time_is_up():
            raise JobPausedError

    async def run_agent(
        self, agent: Agent[Any], given: str | list[TResponseInputItem], *, max_turns: int = MAX_TURNS
    ) -> Any:
        """Run an agent of the Agents SDK, and return its final output. Its model calls count as those of a turn.

        The agent's model calls all agents that it hands over to. Tools get `job.context` as the run's context.

        Args:
            agent: The agent, with a model's name, or without for the default.
            given: A text, or items of the Responses API.
            max_turns: How many model calls it may need.

        Raises:
            QuotaExceededError: a limit of the user or the tenant is reached. If it is not caught, the user reads it.
            ModelsStoppedError: the operator has stopped all paid calls.
        """
        from assistant.jobs.calls import run_agent

        return await run_agent(agent, given, self.context, max_turns)

    async def beat(self) -> None:
        """Renew the lease."""
        await self._write("", {})

    async def _write(self, update: str, values: dict[str, Any]) -> None:
        table: Table = self.context.resources.table
        try:
            self.row = await table.update(
                self._ref.key,
                "SET lease = :lease" + (f", {update}" if update else ""),
                condition=OURS,
                names=NAMES,
                values={":lease": lease_end(), ":run": self._run_id, ":running": "running", **values},
            )
        except ConditionFailedError:
            raise JobLostError from None
        if self.row.get("cancel"):
            raise JobCancelledError
