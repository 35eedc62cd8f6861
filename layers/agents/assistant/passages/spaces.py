"""Decide which spaces a caller may search, by the token, the thread and the groups of the agents' package."""

from __future__ import annotations

import logging

from assistant import hooks
from assistant.aws.keys import Space
from assistant.context import RequestContext
from assistant.identity import Caller
from assistant.settings import Settings

logger = logging.getLogger(__name__)

# The tenant, the user, the thread, and five groups.
MAX_SPACES = 8


async def groups_of(context: RequestContext) -> list[str]:
    """Return the groups whose documents the caller may search, by the hook `search_spaces(caller)`."""
    hook = hooks.find_hook(context.settings, "search_spaces")
    return [] if hook is None else list(dict.fromkeys(await hook(context.caller)))


async def searched_spaces(context: RequestContext, thread_id: str | None) -> list[Space]:
    """Return the spaces of a search: the tenant's, the user's and the thread's own, and those of the user's groups."""
    caller = context.caller
    spaces = [Space(caller.tenant_id)]
    if may_have_own(context.settings, caller):
        spaces.append(Space(caller.tenant_id, caller.user_id))
        if thread_id is not None:
            spaces.append(Space(caller.tenant_id, caller.user_id, thread_id))
    spaces += [Space(caller.tenant_id, group=group) for group in await groups_of(context)]
    if len(spaces) > MAX_SPACES:
        logger.error("search_spaces returns %d groups too many: they are not searched", len(spaces) - MAX_SPACES)
    return spaces[:MAX_SPACES]


def may_have_own(settings: Settings, caller: Caller) -> bool:
    """Tell whether a user may have documents of their own. A visitor has none, because a visitor's data is not kept."""
    return settings.knowledge.own_documents > 0 and not caller.visitor
