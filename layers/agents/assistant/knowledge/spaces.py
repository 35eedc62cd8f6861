"""Which knowledge a caller may search, change or open. Everything comes from the token, and groups from the package."""

from __future__ import annotations

import logging
from typing import Any

from assistant import hooks
from assistant.aws.keys import Space
from assistant.context import RequestContext
from assistant.errors import ForbiddenError, InvalidRequestError, NotFoundError
from assistant.identity import Caller
from assistant.knowledge.limits import MAX_GROUP_CHARACTERS, MAX_SPACES
from assistant.settings import Settings

logger = logging.getLogger(__name__)


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
    """Tell whether a user may have documents of their own. A visitor has none: a visitor's data is not kept."""
    return settings.knowledge.own_documents > 0 and not caller.visitor


def is_editor(settings: Settings, caller: Caller) -> bool:
    """Tell whether a caller may change the tenant's documents."""
    return caller.role in (*settings.admin_roles, *settings.knowledge.editors) and not caller.visitor


def managed_space(context: RequestContext, fields: dict[str, Any]) -> Space:
    """Return the space whose documents a request lists or changes.

    Args:
        context: The request's context.
        fields: `scope`, and with it `thread_id` or `group`, as the client sends them.

    Raises:
        InvalidRequestError: a field is missing or not valid.
        ForbiddenError: the caller's role may not change these documents.
        NotFoundError: users have no documents of their own here.
    """
    caller, scope = context.caller, fields.get("scope", "user")
    for name, of in (("group", "tenant"), ("thread_id", "thread")):
        # To ignore it would change the documents of another space than the client means.
        if fields.get(name) is not None and scope != of:
            raise InvalidRequestError(f"{name} needs scope={of}.")
    match scope:
        case "tenant":
            group = fields.get("group")
            if not is_editor(context.settings, caller):
                raise ForbiddenError
            if group is not None and (not isinstance(group, str) or not 0 < len(group) <= MAX_GROUP_CHARACTERS):
                raise InvalidRequestError(f"group must be a name of up to {MAX_GROUP_CHARACTERS} characters.")
            return Space(caller.tenant_id, group=group)
        case "user" | "thread":
            if not may_have_own(context.settings, caller):
                raise NotFoundError
            if scope == "user":
                return Space(caller.tenant_id, caller.user_id)
            thread_id = fields.get("thread_id")
            if not isinstance(thread_id, str) or not thread_id:
                raise InvalidRequestError("scope=thread needs a thread_id.")
            return Space(caller.tenant_id, caller.user_id, thread_id)
        case _:
            raise InvalidRequestError("scope must be tenant, user or thread.")
