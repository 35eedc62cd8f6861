"""The rows of a user's memory: one for each fact, and one with the switch and the version.

A new fact is written in one transaction with the version that its writer has read. So concurrent writers never exceed
`MAX_FACTS`, and add no fact after the user has switched the memory off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from assistant import clock, ids
from assistant.aws import MAX_ROUNDS, ConditionFailedError, Row, Table, Write, keys, pause
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import ConflictError, MemoryFullError, MemoryOffError, NotFoundError
from assistant.files import member_write
from assistant.identity import Caller
from assistant.text import one_line
from assistant.threads import SCHEMA_VERSION, expiry, is_visible

# The model reads all facts in each turn, about 5,000 tokens if all are as long as possible. More would push the
# conversation out of a small model's context, and nobody looks through a longer list.
MAX_FACTS = 100
# A sentence. A longer text is a document.
MAX_FACT_CHARACTERS = 200
# Hexadecimal digits at the end of a fact's id, which are random. The model names a fact by them.
MARK_CHARACTERS = 8

Source = Literal["asked", "approved", "own_words", "edited"]
"""Where a fact comes from.

`asked`: the model kept it in a turn that had read nothing from outside. `approved`: the user approved it on a card.
`own_words`: it was extracted from a message of the user. `edited`: the user wrote it into the list.
"""


@dataclass(frozen=True)
class Fact:
    """A fact about a user.

    Attributes:
        id: Its id, a UUIDv7.
        text: One line.
        source: Where it comes from.
        outside: The sources of other texts than the user's own that the turn had read.
        thread_id: The thread in which it was said.
        created_at: When it was first kept, ISO 8601.
        changed_at: When its text was last written.
    """

    id: str
    text: str
    source: Source
    outside: tuple[str, ...]
    thread_id: str | None
    created_at: str
    changed_at: str

    @property
    def mark(self) -> str:
        """The name of the fact for the model."""
        return self.id[-MARK_CHARACTERS:]


@dataclass(frozen=True)
class Memory:
    """A user's memory as it was read.

    Attributes:
        on: Whether the user lets the assistant keep and read facts.
        version: Changes with each new fact and with the switch.
        facts: The facts, the oldest first. They are there also while the memory is off.
    """

    on: bool
    version: int
    facts: Sequence[Fact]

    def marked(self, mark: str) -> Fact | None:
        """Return the fact that the model names; None if there is none, or more than one."""
        found = [fact for fact in self.facts if fact.mark == mark.strip().lower()]
        return found[0] if len(found) == 1 else None


def fact_line(text: str) -> str:
    """Return a fact as one line.

    Raises:
        InvalidRequestError: it has nothing that can be seen, is too long, or has control characters.
    """
    return one_line(text, MAX_FACT_CHARACTERS, "A fact")


async def load_memory(table: Table, caller: Caller) -> Memory:
    """Return a user's memory, by one round trip."""
    # All rows together have 60 KB at most, so they are in one page.
    rows, _ = await table.query(caller.partition, between=(keys.MEMORY_SK, keys.MEMORY_END), limit=2 * MAX_FACTS)
    state = rows[0] if rows and rows[0]["sk"] == keys.MEMORY_SK else {}
    facts = [_fact(row) for row in rows if row["sk"] != keys.MEMORY_SK and is_visible(row)]
    return Memory(not state.get("off", False), state.get("revision", 0), facts)


def _fact(row: Row) -> Fact:
    return Fact(
        id=row["sk"].removeprefix(keys.FACT_PREFIX),
        text=row["fact"],
        source=row["source"],
        outside=tuple(row.get("outside", ())),
        thread_id=row.get("thread_id"),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )


async def add_fact(text: str, context: RequestContext, *, source: Source, thread_id: str | None) -> Fact:
    """Keep a fact. If the user's memory has the same text already, return that fact.

    Args:
        text: The fact.
        context: The user's request.
        source: Where it comes from.
        thread_id: The thread in which it was said.

    Raises:
        InvalidRequestError: the text is no fact.
        MemoryOffError: the user has switched the memory off.
        MemoryFullError: the memory has `MAX_FACTS` facts.
        ConflictError: other processes have changed the memory during each attempt.
    """
    now = clock.now().isoformat()
    fact = Fact(ids.uuid7(), fact_line(text), source, tuple(sorted(context.outside)), thread_id, now, now)
    for round_number in range(MAX_ROUNDS):
        memory = await load_memory(context.resources.table, context.caller)
        if not memory.on:
            raise MemoryOffError
        known = next((each for each in memory.facts if each.text.casefold() == fact.text.casefold()), None)
        if known is not None:
            return known
        if len(memory.facts) >= MAX_FACTS:
            raise MemoryFullError
        try:
            await context.resources.table.transact(fact_writes(fact, memory.version, context))
        except ConditionFailedError:
            await pause(round_number)
            continue
        return fact
    raise ConflictError


def fact_writes(fact: Fact, version: int, context: RequestContext) -> list[Write]:
    """Return the writes of a new fact. Their conditions fail if the memory is no longer at this version, or is off."""
    caller = context.caller
    content = {name: value for name, value in asdict(fact).items() if name not in {"id", "text"}}
    row: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "fact": fact.text,
        **content,
        **expiry(context.settings.retention_days),
    }
    state = Write(
        Key(caller.partition, keys.MEMORY_SK),
        update="SET revision = :next, schema_version = :schema",
        condition="attribute_not_exists(#off) AND " + ("revision = :seen" if version else "attribute_not_exists(pk)"),
        names={"#off": "off"},
        values={
            ":next": version + 1,
            ":schema": SCHEMA_VERSION,
            **({":seen": version} if version else {}),
        },
    )
    return [state, Write(fact_key(caller, fact.id), put=row), member_write(caller)]


def fact_key(caller: Caller, fact_id: str) -> Key:
    """Return the key of a fact."""
    return Key(caller.partition, keys.fact_sk(fact_id))


async def change_fact(fact_id: str, text: str, context: RequestContext) -> Fact:
    """Replace the text of a fact by the user's own.

    Raises:
        NotFoundError: the user has no such fact.
        InvalidRequestError: the text is no fact.
    """
    retention = expiry(context.settings.retention_days)
    sets = {"fact": fact_line(text), "source": "edited", "changed_at": clock.now().isoformat(), **retention}
    names = {f"#{name}": name for name in sets}
    try:
        row = await context.resources.table.update(
            fact_key(context.caller, fact_id),
            "SET " + ", ".join(f"#{name} = :{name}" for name in sets),
            condition="attribute_exists(pk) AND (attribute_not_exists(#lapses) OR #lapses > :now)",
            names={**names, "#lapses": "expires_at"},
            values={**{f":{name}": value for name, value in sets.items()}, ":now": clock.now().timestamp()},
        )
    except ConditionFailedError:
        raise NotFoundError("There is no such fact.") from None
    return _fact(row)


async def remove_fact(fact_id: str, context: RequestContext) -> None:
    """Remove a fact of the user. A fact that does not exist is no error."""
    await context.resources.table.delete(fact_key(context.caller, fact_id))


async def switch_memory(context: RequestContext, *, on: bool) -> None:
    """Switch the memory on or off. The facts stay."""
    caller = context.caller
    change = "REMOVE #off" if on else "SET #off = :off"
    state = Write(
        Key(caller.partition, keys.MEMORY_SK),
        update=f"{change} ADD revision :one" if on else f"{change}, schema_version = :schema ADD revision :one",
        names={"#off": "off"},
        values={":one": 1} if on else {":off": True, ":one": 1, ":schema": SCHEMA_VERSION},
    )
    await context.resources.table.transact([state, member_write(caller)])
