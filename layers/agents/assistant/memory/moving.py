"""Take a visitor's facts along: they become facts of the user as whom the visitor has signed in."""

from __future__ import annotations

from assistant.aws import MAX_ROUNDS, ConditionFailedError, Write, pause
from assistant.context import RequestContext, Resources
from assistant.errors import ConflictError
from assistant.identity import Caller
from assistant.memory.rows import MAX_FACTS, Fact, fact_key, fact_writes, load_memory


async def take_facts_along(resources: Resources, visitor: Caller, user: Caller) -> None:
    """Move the visitor's facts, the newest first. This can be repeated.

    A fact that the user already has, or that exceeds the limit, is removed. If the user has switched the memory off,
    all facts of the visitor are removed.
    """
    for fact in reversed((await load_memory(resources.table, visitor)).facts):
        await _move(fact, visitor, RequestContext(user, resources))


async def _move(fact: Fact, visitor: Caller, context: RequestContext) -> None:
    removal = Write(fact_key(visitor, fact.id), delete=True, condition="attribute_exists(pk)")
    for round_number in range(MAX_ROUNDS):
        memory = await load_memory(context.resources.table, context.caller)
        known = any(each.text.casefold() == fact.text.casefold() for each in memory.facts)
        fits = memory.on and not known and len(memory.facts) < MAX_FACTS
        writes = fact_writes(fact, memory.version, context) if fits else []
        try:
            await context.resources.table.transact([removal, *writes])
        except ConditionFailedError as error:
            if error.index == 0:
                return  # Another process has just moved it, or the visitor has removed it.
            await pause(round_number)
            continue
        return
    raise ConflictError
