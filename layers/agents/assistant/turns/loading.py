"""Load the agents SDK, the agents' package and the provider's client, once for each process."""

from __future__ import annotations

import asyncio
import functools
import gc
from typing import TYPE_CHECKING

from assistant import otel
from assistant.collection import without_collection
from assistant.models import build_model, warm_up

if TYPE_CHECKING:
    from assistant.agent import AssistantServer
    from assistant.settings import Settings

# Look for cycles after this many new objects, not after 2,000. A turn makes few cycles, and half of the looks would be
# for pydantic's schemas, which the first turn builds.
COLLECT_AFTER = 20_000


async def preload(settings: Settings) -> None:
    """Load everything that a turn needs, and run a turn without a network. Nothing of it connects or reads a secret."""
    await asyncio.to_thread(load_server, settings)
    await asyncio.to_thread(otel.preload, settings.tracing)
    await warm_up(settings)


# Visitors have settings of their own.
@functools.lru_cache(maxsize=2)
def load_server(settings: Settings) -> type[AssistantServer]:
    """Load the server with all that a turn imports. Run it in a thread, so that the first events are sent meanwhile.

    Raises:
        ConfigurationError: The agents' package cannot be loaded.
    """
    with without_collection():
        from assistant.agent import AssistantServer, load_agent

        load_agent(settings)
        build_model(settings)
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    return AssistantServer
