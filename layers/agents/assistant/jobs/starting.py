"""Start a job from a tool, cancel it, and notice that its process has died."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from chatkit.actions import Action
from chatkit.types import ClientEffectEvent, ThreadItemDoneEvent, WidgetItem

from assistant import clock, quotas
from assistant.aws import MAX_ROUNDS, ConditionFailedError, Row, Write, invoke_later, pause
from assistant.context import RequestContext, Resources
from assistant.errors import ConflictError, InvalidRequestError, NotFoundError, UnsupportedFeatureError
from assistant.hooks import find_hook
from assistant.ids import ID_PREFIXES, new_id
from assistant.jobs.card import job_card
from assistant.jobs.delivery import end_job
from assistant.jobs.job import NAMES
from assistant.jobs.rows import LIVE, JobRef, dumped, is_alive, ref_of, work_of
from assistant.text import one_line
from assistant.threads import JOBS, SCHEMA_VERSION, ThreadNotFoundError, load_record, thread_store

if TYPE_CHECKING:
    # It loads the agents SDK, which the sweep does not need.
    from chatkit.agents import AgentContext

JOB_PREFIX = "job"
MAX_TITLE_CHARACTERS = 120
# The router package handles this client effect: the page then reads the thread until no job runs.
JOB_EFFECT = "job.started"
# A second: the shortest wait of a durable function.
AT_ONCE = 1


async def start_job(name: str, title: str, arguments: dict[str, Any], chat: AgentContext[RequestContext]) -> str:
    """Start a job, and show its card in the thread. For a tool of the agents' package.

    Args:
        name: The job's name in `JOBS`.
        title: What the user reads on the card.
        arguments: The arguments of its function, which must be JSON: ids and numbers, not documents.
        chat: The tool's context.

    Returns:
        The job's id.

    Raises:
        UnsupportedFeatureError: the deployment runs no jobs, or the package has no such job.
        QuotaExceededError: the user has started too many jobs today.
    """
    request, thread_id = chat.request_context, chat.thread.id
    resources, caller = request.resources, request.caller
    if not resources.settings.job_function or name not in (find_hook(resources.settings, "JOBS") or {}):
        raise UnsupportedFeatureError("This assistant cannot do long work.")
    ref = JobRef(caller, thread_id, new_id(JOB_PREFIX))
    turn = load_record(await resources.table.get(caller.thread(thread_id).turn_key))
    row: Row = {
        "schema_version": SCHEMA_VERSION,
        "id": ref.job_id,
        "name": name,
        "title": one_line(title, MAX_TITLE_CHARACTERS, "A title"),
        "arguments": dumped(arguments, "The arguments"),
        "state": "queued",
        "item_id": new_id(ID_PREFIXES["message"]),
        "turn_id": turn.turn_id if turn is not None else "",
        "language": request.language,
        "role": caller.role,
        "visitor": caller.visitor,
        "created_at": clock.now().isoformat(),
    }
    await quotas.claim("job", request)
    await _store(ref, row, resources)
    card = job_card(row["item_id"], thread_id, row)
    await chat.stream(ThreadItemDoneEvent(item=card))
    await chat.stream(ClientEffectEvent(name=JOB_EFFECT, data={}))
    # If this fails, the sweep starts the job a few minutes later.
    await invoke_later(resources.settings.job_function, ref.event())
    return ref.job_id


async def _store(ref: JobRef, row: Row, resources: Resources) -> None:
    store = thread_store(resources)
    for round_number in range(MAX_ROUNDS):
        # A separate request, because the turn's request merges its own changes at its end.
        own = RequestContext(ref.owner, resources)
        thread = await store.load_thread(ref.thread_id, own)
        thread.metadata[JOBS] = [*thread.metadata.get(JOBS, []), ref.job_id]
        changed, _ = store.change(thread, own.loaded[ref.thread_id].row, own)
        try:
            await resources.table.transact([Write(ref.key, put=row), *changed, work_of(ref, row["created_at"])])
        except ConditionFailedError:
            await pause(round_number)
            continue
        return
    raise ConflictError


async def cancel_job(thread_id: str, job_id: str, context: RequestContext) -> Row:
    """Cancel a job of the caller. A running one ends within seconds. Return its row.

    Raises:
        NotFoundError: there is no such job in a thread of the caller.
    """
    ref = JobRef(context.caller, thread_id, job_id)
    try:
        row = await context.resources.table.update(
            ref.key,
            "SET cancel = :yes",
            condition="attribute_exists(pk) AND #state IN (:queued, :running)",
            names=NAMES,
            values={":yes": True, ":queued": "queued", ":running": "running"},
        )
    except ConditionFailedError as error:
        if error.row is None:
            raise NotFoundError("There is no such job.") from None
        return error.row
    if not is_alive(row):
        # No process runs the job, so no other process ends it.
        await end_job(ref, row, "cancelled", None, context.resources)
    return {**row, "state": "cancelled"}


async def cancelled_card(action: Action[str, Any], sender: WidgetItem | None, context: RequestContext) -> WidgetItem:
    """Cancel the job of a click, and return its card.

    Raises:
        InvalidRequestError: the click names no job, or comes from no card.
    """
    job_id = action.payload.get("job_id") if isinstance(action.payload, dict) else None
    if sender is None or not isinstance(job_id, str) or not job_id:
        raise InvalidRequestError("The values of this action are not valid.")
    row = await cancel_job(sender.thread_id, job_id, context)
    return job_card(sender.id, sender.thread_id, row).model_copy(update={"created_at": sender.created_at})


async def sweep_job(resources: Resources, work: Row) -> bool:
    """Look at a job: start it again if its process has died. Return whether the work is done."""
    ref = ref_of(work)
    seconds = await seconds_to_next_run(resources, ref)
    if seconds == AT_ONCE:
        await invoke_later(resources.settings.job_function, ref.event())
    return seconds is None


async def seconds_to_next_run(resources: Resources, ref: JobRef) -> int | None:
    """Return when another run of a job may begin: `AT_ONCE`, or after the lease of the running one; None: never."""
    row = await resources.table.get(ref.key)
    if row is None or row["state"] not in LIVE:
        return None
    try:
        await thread_store(resources).load_thread(ref.thread_id, RequestContext(ref.owner, resources))
    except ThreadNotFoundError:
        return None  # Its rows go with the thread.
    if not is_alive(row):
        return AT_ONCE
    left: float = row["lease"] - clock.now().timestamp()
    return AT_ONCE + math.ceil(left)
