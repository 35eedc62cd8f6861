"""The agents' package, named by `AGENT_FACTORY`, and what it offers beside its agents.

| hook | called for |
|---|---|
| `handle_action(thread, action, sender, context)` | a click in a widget; yields events |
| `check_action(action, context)` | the same, before it becomes a turn: a click that it refuses ends no running turn |
| `handle_sync_action(thread, action, sender, context)` | a click that one changed item answers |
| `search_entities(query, context)` | what can be mentioned with @; returns ChatKit's entities |
| `preview_entity(entity_id, context)` | what a pointer over a mention shows; returns a `Basic` widget |
| `entity_to_input(entity_id, context)` | what a mention stands for, as text for the model |
| `build_link(settings, model_name)` | a provider of the package's own, as a `Link`; None for the configured one |
| `find_sources(text, context)` | the sources of an answer, as ChatKit's annotations |
| `records_of_user(table, user)` | a user's rows among the tenant's records, for export and erasure |

All are optional and, but for `handle_action` and `build_link`, coroutines. The package itself, and what `check_action`
imports, are to be cheap to import.
"""

from __future__ import annotations

import functools
import logging
from importlib import import_module
from types import ModuleType
from typing import Any

from assistant.errors import ConfigurationError, UnsupportedFeatureError
from assistant.settings import Settings

logger = logging.getLogger(__name__)


@functools.cache
def agents_package(factory: str) -> ModuleType:
    """Return the module that `AGENT_FACTORY` names.

    Raises:
        ConfigurationError: there is no such module, or it cannot be imported.
    """
    try:
        return import_module(factory.partition(":")[0])
    except (ImportError, SyntaxError) as error:
        # Its text names modules, files and lines: what the operator needs, and no caller.
        logger.error("AGENT_FACTORY=%s cannot be loaded: %s", factory, error)
        raise ConfigurationError(f"AGENT_FACTORY={factory} cannot be loaded.") from error


def find_hook(settings: Settings, name: str) -> Any:
    """Return a hook of the agents' package, or None where it has none of that name."""
    return getattr(agents_package(settings.agent_factory), name, None)


def needed_hook(settings: Settings, name: str, what: str) -> Any:
    """Return a hook of the agents' package.

    Raises:
        UnsupportedFeatureError: it has none of that name; `what` says what is missing, as in "actions".
    """
    hook = find_hook(settings, name)
    if hook is None:
        raise UnsupportedFeatureError(f"This deployment has no {what}.")
    return hook
