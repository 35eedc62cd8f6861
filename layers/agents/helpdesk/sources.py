"""Find the sources of an answer: the help articles that it links, and the tasks and employees that it names."""

from __future__ import annotations

import re

from chatkit.types import Annotation, EntitySource, URLSource

from assistant.context import RequestContext
from assistant.errors import NotFoundError
from helpdesk.entities import describe_entity
from helpdesk.records.articles import ARTICLES

# Each entity costs a read, and a long list needs no source at every entry.
MAX_ENTITIES = 5

_NAMED = re.compile(r"\b(task|employee)\s+#?(\d{1,10})\b", re.IGNORECASE)


async def find_sources(text: str, context: RequestContext) -> list[Annotation]:
    """Return the sources of an answer, each placed after the words that it belongs to.

    Only records that the caller may see become sources, so an invented number gets none.

    Args:
        text: The assistant's answer.
        context: The request's context.
    """
    found = [
        Annotation(
            source=URLSource(title=article.title, url=article.url, attribution="Help centre"),
            index=text.index(article.url) + len(article.url),
        )
        for article in ARTICLES
        if article.url in text
    ]
    seen: set[str] = set()
    for match in _NAMED.finditer(text):
        entity_id = f"{match[1].lower()}-{int(match[2])}"
        if entity_id in seen or len(seen) == MAX_ENTITIES:
            continue
        seen.add(entity_id)
        try:
            entity = await describe_entity(entity_id, context)
        except NotFoundError:
            continue
        source = EntitySource(
            id=entity_id, title=entity["title"], group=entity["group"], icon=entity["icon"], interactive=True
        )
        found.append(Annotation(source=source, index=match.end()))
    return sorted(found, key=lambda each: each.index or 0)
