"""Decide which documents a caller may change, by the token alone."""

from __future__ import annotations

from typing import Any

from assistant.aws.keys import Space
from assistant.context import RequestContext
from assistant.errors import ForbiddenError, InvalidRequestError, NotFoundError
from assistant.identity import Caller
from assistant.knowledge.limits import MAX_GROUP_CHARACTERS
from assistant.passages import may_have_own
from assistant.settings import Settings
from assistant.text import one_line


def is_editor(settings: Settings, caller: Caller) -> bool:
    """Tell whether a caller may change the tenant's documents."""
    return caller.role in (*settings.admin_roles, *settings.knowledge.editors) and not caller.visitor


def _is_group(name: object) -> bool:
    """Tell whether a value can be a group's name. Names such as `/sales/eu` are usual in tokens."""
    try:
        return isinstance(name, str) and one_line(name, MAX_GROUP_CHARACTERS, "A group") == name
    except InvalidRequestError:
        return False


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
        # A request with an ignored field would change the documents of another space than the client means.
        if fields.get(name) is not None and scope != of:
            raise InvalidRequestError(f"{name} needs scope={of}.")
    match scope:
        case "tenant":
            group = fields.get("group")
            if not is_editor(context.settings, caller):
                raise ForbiddenError
            if group is not None and not _is_group(group):
                raise InvalidRequestError(f"group must be a line of 1 to {MAX_GROUP_CHARACTERS} visible characters.")
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
