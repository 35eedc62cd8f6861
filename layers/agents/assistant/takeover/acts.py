"""What staff do in a thread: take it over, say something, hand it back. Each act is one transaction with its audit row.

The thread's metadata says who answers. The claim of a turn has a condition on it, so no agent starts in a thread that a
person has taken over.
"""

from __future__ import annotations

from collections.abc import Callable

from chatkit.types import ThreadMetadata

from assistant import audit, clock, turns
from assistant.aws import MAX_ROUNDS, ConditionFailedError, Write, keys, pause
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import ConflictError, NotFoundError
from assistant.observability import user_hash
from assistant.takeover.queue import Waiting, queue_key, waiting_id
from assistant.text import name_line, several_lines
from assistant.texts import in_language
from assistant.threads import (
    ASKED,
    HANDLED_BY,
    PERSON_LEFT,
    PERSON_PREFIX,
    SOMEBODY_ANSWERS,
    STATUS_PREFIX,
    THREAD_EXISTS,
    RepeatKey,
    ThreadNotFoundError,
    line_of,
    prolong_writes,
    thread_place,
    thread_store,
)

MAX_NAME_CHARACTERS = 60
# Some printed pages.
MAX_WORDS_CHARACTERS = 8_000

_JOINED = "{} answers here now. The assistant is silent meanwhile."
# The name of a person whose token has none that can be shown.
_NAMELESS = "A person of the staff"
_OTHER_ANSWERS = "Somebody else answers here already."
_NOT_TAKEN = "You do not answer here. Take the conversation over first."


async def take_over(waiting: Waiting, staff: RequestContext) -> None:
    """Answer in a thread in place of the agent. A running turn ends; its partial answer is kept.

    Args:
        waiting: The thread.
        staff: The person's request. The user reads the name in its token.

    Raises:
        ConflictError: somebody else answers already.
        NotFoundError: the thread was deleted.
    """
    language = waiting.row["language"]
    shown = name_line(staff.caller.name or "", MAX_NAME_CHARACTERS) or in_language(_NAMELESS, language)
    words = in_language(_JOINED, language).replace("{}", _plain(shown))
    me, now = _hash(staff), clock.now().isoformat()

    def take(thread: ThreadMetadata) -> list[str] | None:
        handled = thread.metadata.get(HANDLED_BY)
        if handled is not None and handled["by"] != me:
            raise ConflictError(_OTHER_ANSWERS)
        if handled is not None:
            return None
        thread.metadata.pop(ASKED, None)
        thread.metadata[HANDLED_BY] = {"by": me, "name": shown, "since": now, "language": language}
        return [words]

    in_queue = Write(
        queue_key(waiting.owner.tenant_id, waiting.id),
        update="SET handled_by = :name",
        condition="attribute_exists(pk)",
        values={":name": shown},
    )
    await _change(waiting, take, [in_queue], "thread.taken_over", staff)
    # A turn that was claimed before this transaction still runs. Later claims see the metadata.
    await turns.end_turn(_owner(waiting, staff), waiting.thread_id)


async def say(waiting: Waiting, text: str, staff: RequestContext, repeat: RepeatKey | None = None) -> None:
    """Put a person's words into a thread, under the name of the takeover. A key that was used before adds nothing.

    Raises:
        InvalidRequestError: the text is empty, too long, or has control characters.
        ConflictError: this person does not answer in the thread.
        NotFoundError: the thread was deleted.
    """
    text = several_lines(text, MAX_WORDS_CHARACTERS, "The text")
    owner, store, thread_id = _owner(waiting, staff), thread_store(staff.resources), waiting.thread_id
    thread = await store.load_thread(thread_id, owner)
    handled = thread.metadata.get(HANDLED_BY)
    if handled is None or handled["by"] != _hash(staff):
        raise ConflictError(_NOT_TAKEN)
    place = await thread_place(staff.resources.table, owner.caller.partition, thread_id)
    still = prolong_writes(
        owner,
        thread_id,
        place,
        f"{THREAD_EXISTS} AND {SOMEBODY_ANSWERS} AND #handler = :me",
        {"#person": "person", "#handler": "handler"},
        {":answering": "answering", ":me": _hash(staff)},
    )
    keyed = [] if repeat is None else [repeat.write({})]
    item = line_of(PERSON_PREFIX, thread_id, f"**{_plain(handled['name'])}:** {text}")
    note = audit.entry(
        staff.resources,
        "thread.answered",
        by=staff.caller,
        tenant_id=staff.caller.tenant_id,
        about=waiting.owner.user_id,
        thread_id=thread_id,
        item_id=item.id,
    )
    words: list[Write] = []
    if staff.settings.history_search:
        from assistant.search import rebuild_work

        words = [rebuild_work(owner.caller, thread_id)]
    said = await store.item_writes(thread_id, item, owner)
    try:
        await staff.resources.table.transact([*keyed, *still, *said, note.write, *words])
    except ConditionFailedError as error:
        if repeat is not None and repeat.met(error, 0):
            return
        raise ConflictError(_NOT_TAKEN) from None
    note.log()


async def hand_back(waiting: Waiting, by: RequestContext) -> None:
    """Let the agent answer in a thread again, from the next message on. Any staff may do it, and the thread's user.

    Raises:
        NotFoundError: the thread neither asks for a person nor has one.
    """

    words = in_language(PERSON_LEFT, waiting.row["language"])

    def leave(thread: ThreadMetadata) -> list[str] | None:
        asked, handled = (thread.metadata.pop(name, None) for name in (ASKED, HANDLED_BY))
        if asked is None and handled is None:
            raise NotFoundError
        # If nobody has answered, nothing changes for the user.
        return [] if handled is None else [words]

    pk = waiting.owner.thread(waiting.thread_id).partition
    removed = [
        Write(queue_key(waiting.owner.tenant_id, waiting.id), delete=True),
        Write(Key(pk, keys.linked_sk(waiting.id)), delete=True),
    ]
    await _change(waiting, leave, removed, "thread.handed_back", by)


def own_waiting(thread_id: str, context: RequestContext) -> Waiting:
    """Return a thread of the caller as the queue has it."""
    caller = context.caller
    return Waiting(waiting_id(caller, thread_id), caller, thread_id, {"language": context.language})


async def _change(
    waiting: Waiting,
    change: Callable[[ThreadMetadata], list[str] | None],
    writes: list[Write],
    action: audit.Action,
    by: RequestContext,
) -> None:
    """Change a thread's metadata, say so in the thread, and write the audit row, in one transaction.

    `change` returns the lines that say so; None if there is nothing to do. It is called again if another request has
    changed the thread.
    """
    store, thread_id = thread_store(by.resources), waiting.thread_id
    for round_number in range(MAX_ROUNDS):
        owner = _owner(waiting, by)
        thread = await store.load_thread(thread_id, owner)
        lines = change(thread)
        if lines is None:
            return
        changed, _ = store.change(thread, owner.loaded[thread_id].row, owner)
        note = audit.entry(
            by.resources,
            action,
            by=by.caller,
            tenant_id=waiting.owner.tenant_id,
            about=waiting.owner.user_id,
            thread_id=thread_id,
        )
        said: list[Write] = []
        for line in lines:
            said += await store.item_writes(thread_id, line_of(STATUS_PREFIX, thread_id, line), owner)
        try:
            await by.resources.table.transact([*changed, *said, *writes, note.write])
        except ConditionFailedError as error:
            if error.index > len(changed):
                # The row of the queue is gone: another person has handed the thread back.
                raise ThreadNotFoundError(thread_id) from None
            await pause(round_number)
            continue
        note.log()
        return
    raise ConflictError


def _owner(waiting: Waiting, by: RequestContext) -> RequestContext:
    """Return a new request of the thread's user, which reaches this user's rows."""
    return RequestContext(waiting.owner, by.resources)


def _plain(name: str) -> str:
    """Return a name with its Markdown characters escaped."""
    return "".join(f"\\{each}" if each in "\\`*_[]<>#" else each for each in name)


def _hash(staff: RequestContext) -> str:
    """Return the person's hash, as the audit trail has it: the user's export must not have the id of another user."""
    caller = staff.caller
    return user_hash(caller.tenant_id, caller.user_id, staff.resources.settings.user_hash_salt)
