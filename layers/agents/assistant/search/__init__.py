"""Search in one's own threads, if `HISTORY_SEARCH` is on: by words, prefixes included, the newest thread first.

Each turn then writes the distinct words of its thread into a row beside the thread list, in the turn's last
transaction. Threads without such a row, or with a row from before the search was off, get theirs with the first search,
or by the sweep.
"""

from assistant.search.finding import search
from assistant.search.rebuilding import FILL_KIND, REBUILD_KIND, fill, owner_of, rebuild, rebuild_work
from assistant.search.switched import note_setting
from assistant.search.turn import TurnWords

__all__ = [
    "FILL_KIND",
    "REBUILD_KIND",
    "TurnWords",
    "fill",
    "note_setting",
    "owner_of",
    "rebuild",
    "rebuild_work",
    "search",
]
