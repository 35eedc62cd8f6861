"""Load the agents' package that `AGENT_FACTORY` names, and find its hooks.

| hook | purpose |
|---|---|
| `handle_action(thread, action, sender, context)` | handles a click in a widget; yields events |
| `check_action(action, context)` | checks a click before its turn starts; a refused click stops no running turn |
| `handle_sync_action(thread, action, sender, context)` | handles a click that is answered by one changed item |
| `search_entities(query, context)` | finds what a user can mention with @; returns ChatKit's entities |
| `preview_entity(entity_id, context)` | returns the preview of a mention, a `Basic` widget |
| `entity_to_input(entity_id, context)` | returns the text that the model reads for a mention |
| `build_link(settings, model_name, caller)` | returns a `Link` to a provider, or None for the configured one |
| `find_sources(text, context)` | returns the sources of an answer as ChatKit's annotations |
| `search_spaces(caller)` | returns the groups of the tenant whose documents the caller may search |
| `scan_result(resources, owner, attachment)` | returns `"clean"`, `"refused"`, or None while a file is being scanned |
| `records_of_user(table, user)` | returns a user's rows among the tenant's records, for export and erasure |
| `build_router()` | returns a FastAPI router with the package's own routes, below `/chatkit/api/own` |
| `on_turn_end(turn, context)` | is told how a turn ended (`TurnEnd`), after the turn's end is stored |

`JOBS` is no function: it has the coroutine functions of long work by name, see `assistant.jobs`.

`STAYS_IN_CHARGE` is no function: it lists the names of agents that also answer the next message after a handoff.

All hooks are optional. All are coroutines except `handle_action`, `build_link` and `build_router`. Keep the imports
of the package and of `check_action` small: they run during a cold start.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from assistant.errors import ConfigurationError, ImportFailedError, UnsupportedFeatureError
from assistant.exits import EXITS, failing_at_exit
from assistant.identity import Caller
from assistant.settings import Settings


@dataclass(frozen=True)
class AgentsPackage:
    """The module that `AGENT_FACTORY` names before the colon, and its function that builds the first agent."""

    module: ModuleType
    build_agent: Callable[[Settings], Any]


@dataclass(frozen=True)
class TurnEnd:
    """How a turn ended: what the hook `on_turn_end` is told. It contains no text of the conversation.

    Attributes:
        thread_id: The thread.
        turn_id: The turn, as in the answer's header `X-Turn-Id`.
        caller: The user.
        operation: ChatKit's operation, such as `threads.add_user_message`.
        outcome: `done`, `stopped`, `interrupted`, `deadline`, `failed` or `lost`.
        error: The code of the failure; None without one.
        seconds: From the claim of the turn to its stored end.
        first_delta_seconds: From the claim to the first text; None if there was none.
        provider: The provider that answered last; None if none did.
        model: Its model.
        input_tokens: The tokens that all model calls of the turn have read.
        output_tokens: The tokens that they have written.
        model_calls: The number of model calls.
        dollars: The price of the tokens and pictures by the table of prices.
        tools: The names of the called tools, in order.
    """

    thread_id: str
    turn_id: str
    caller: Caller
    operation: str
    outcome: str
    error: str | None
    seconds: float
    first_delta_seconds: float | None
    provider: str | None
    model: str | None
    input_tokens: int
    output_tokens: int
    model_calls: int
    dollars: float
    tools: tuple[str, ...]


@functools.cache
def agents_package(factory: str) -> AgentsPackage:
    """Import the agents' package.

    Args:
        factory: The setting `AGENT_FACTORY`: `module:function`.

    Raises:
        ImportFailedError: The module cannot be imported, or has no such function.
        ConfigurationError: The module reads a variable that is missing or invalid.
    """
    module_name, _, function_name = factory.partition(":")
    try:
        module = import_module(module_name)
    except ConfigurationError:
        raise
    except (Exception, *EXITS) as error:
        raise ImportFailedError.of(f"AGENT_FACTORY={factory}", error, "Set it to module:function.") from error
    try:
        return AgentsPackage(module, failing_at_exit(getattr(module, function_name)))
    except AttributeError:
        raise ImportFailedError(f"AGENT_FACTORY={factory}: the module has no `{function_name}`.") from None


def find_hook(settings: Settings, name: str) -> Any:
    """Return a hook of the agents' package, or None if the package does not define it or none is named.

    A `sys.exit()` in a hook fails the call of the hook only.
    """
    if not settings.agent_factory:
        return None
    hook = getattr(agents_package(settings.agent_factory).module, name, None)
    return failing_at_exit(hook) if callable(hook) else hook


def needed_hook(settings: Settings, name: str, what: str) -> Any:
    """Return a hook that a request needs.

    Args:
        settings: The settings.
        name: The hook's name.
        what: The feature in the error message, such as "actions".

    Raises:
        UnsupportedFeatureError: The package does not define the hook.
    """
    hook = find_hook(settings, name)
    if hook is None:
        raise UnsupportedFeatureError(f"This assistant does not support {what}.")
    return hook
