"""Store since when the search is on. Rows of words that are older lack the messages of the time while it was off.

One row of the deployment has the time. The sweep compares it with the setting in each run, which costs one read if
nothing has changed. The next search or the sweep rewrites the rows of words that are older.
"""

from __future__ import annotations

from typing import Any

from assistant import clock
from assistant.aws import Row, Table, keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.threads import SCHEMA_VERSION

_STATE = Key(keys.CONTROL_PARTITION, "search")


async def note_setting(resources: Resources) -> None:
    """Compare the setting with the stored state, and store what has changed."""
    on, row = resources.settings.history_search, await resources.table.get(_STATE)
    if row is None and not on:
        return
    if row is None or row["on"] != on:
        # Before the first state there was no search, so no words are missing.
        since = 0.0 if row is None else clock.now().timestamp()
        state: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "on": on, "since": since}
        await resources.table.put(_STATE, state)


async def on_since(table: Table) -> float:
    """Return since when the search is on, as Unix time. Words that were written before may be incomplete."""
    row = await table.get(_STATE)
    if row is None:
        return 0.0
    since: float = row["since"]
    # The sweep has not run since the search was switched on again.
    return since if row["on"] else clock.now().timestamp()


def are_complete(words: Row | None, since: float) -> bool:
    """Tell whether a thread has a row of words that was written since the search is on."""
    return words is not None and words.get("written_at", 0.0) >= since
