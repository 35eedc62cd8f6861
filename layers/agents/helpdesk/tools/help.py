"""Looking something up in the help centre."""

from __future__ import annotations

from typing import Annotated

from helpdesk.context import HelpdeskToolContext
from helpdesk.records.articles import find_articles
from helpdesk.tools.base import answer, helpdesk_tool, step

MAX_ARTICLES = 3


@helpdesk_tool
async def search_help(
    context: HelpdeskToolContext, question: Annotated[str, "What the user wants to know, in keywords."]
) -> str:
    """Search the help centre's articles. Name the article and link its address when you use it."""
    async with step(context, "Searching the help centre", "search"):
        found = find_articles(question, MAX_ARTICLES)
    return answer(articles=[{"title": each.title, "url": each.url, "text": each.text} for each in found])
