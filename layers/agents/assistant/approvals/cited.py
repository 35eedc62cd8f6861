"""Keep the passages that a run has found before it waits for approval, and restore them when the run continues.

The user may answer days later. So each passage is checked as a new search checks it: the model reads no passage, and no
answer cites one, whose document has been removed, replaced or closed to the caller meanwhile.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from assistant.aws.keys import Space
from assistant.context import CitedPassage, Origin, RequestContext
from assistant.text import PASSAGES_GONE, PASSAGES_START

# The name in the stored state of a run, beside the names of the agents SDK or of a workflow's journal.
_CITED = "assistant_cited"


def with_cited(state: dict[str, Any], context: RequestContext) -> dict[str, Any]:
    """Return the state of a run with the passages that its model may cite."""
    if not context.cited:
        return state
    return {**state, _CITED: {mark: asdict(passage) for mark, passage in context.cited.items()}}


async def restored(state: dict[str, Any], thread_id: str, context: RequestContext) -> dict[str, Any]:
    """Return the state as `with_cited` got it, and note the passages that still count in `context.cited`.

    Raises:
        StoreUnavailableError: the documents' rows cannot be read now.
    """
    kept = state.get(_CITED)
    if kept is None:
        return state
    cited = {mark: _passage(fields) for mark, fields in kept.items()}
    if context.settings.knowledge.on:
        # Without knowledge, nothing loads this package.
        from assistant.passages import current, searched_spaces

        spaces = await searched_spaces(context, thread_id)
        allowed = [passage.origin for passage in cited.values() if passage.origin.space in spaces]
        counting = await current(context.resources.table, allowed)
        context.cited.update({mark: passage for mark, passage in cited.items() if passage.origin in counting})
    rest = {name: value for name, value in state.items() if name != _CITED}
    return rest if context.cited.keys() == cited.keys() else _without_others(rest, context)


def _passage(fields: dict[str, Any]) -> CitedPassage:
    space, document_id, generation = fields.pop("origin")
    return CitedPassage(**fields, origin=Origin(Space(*space), document_id, generation))


def _without_others(value: Any, context: RequestContext) -> Any:
    """Return a part of a state. Outputs of the search keep the passages that still count, and lose the others."""
    match value:
        case str() if value.startswith(PASSAGES_START):
            return _counting(value, context)
        case list():
            return [_without_others(each, context) for each in value]
        case dict():
            return {name: _without_others(each, context) for name, each in value.items()}
        case _:
            return value


def _counting(output: str, context: RequestContext) -> str:
    try:
        found = json.loads(output)
        passages = [each for each in found["passages"] if each["mark"].strip("[§]") in context.cited]
    except (ValueError, LookupError, TypeError, AttributeError):
        # It is not known what is in it.
        return PASSAGES_GONE
    return json.dumps({**found, "passages": passages}, ensure_ascii=False)
