"""The tools that search the help centre and change the page's theme."""

from __future__ import annotations

from typing import Annotated

from assistant.agent import assistant_tool
from helpdesk import effects
from helpdesk.context import HelpdeskToolContext
from helpdesk.records.articles import find_articles
from helpdesk.tools.base import answer, show, step

MAX_ARTICLES = 3


@assistant_tool
async def search_help(
    context: HelpdeskToolContext, question: Annotated[str, "What the user wants to know, in keywords."]
) -> str:
    """Search the help centre's articles. Name the article and link its address when you use it."""
    async with step(context, "Searching the help centre", "search"):
        found = find_articles(question, MAX_ARTICLES)
    return answer(articles=[{"title": each.title, "url": each.url, "text": each.text} for each in found])


@assistant_tool
async def set_theme(context: HelpdeskToolContext, theme: Annotated[effects.Theme, "How the page should look."]) -> str:
    """Make the page that the user looks at light or dark."""
    await show(context, f"Making the page {theme}", "bolt")
    await context.context.stream(effects.set_theme(theme))
    return answer(theme=theme, note="The page has changed.")
