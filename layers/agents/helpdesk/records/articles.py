"""The articles of the help centre. They are the same for every tenant, so they are in the code."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Article:
    """A page of the help centre."""

    title: str
    url: str
    text: str


ARTICLES = (
    Article(
        "Opening hours",
        "https://help.example.com/opening-hours",
        "Support answers on weekdays from 9:00 to 17:00 UTC. Urgent tickets are answered around the clock.",
    ),
    Article(
        "Returns and refunds",
        "https://help.example.com/returns",
        "Goods can be returned within 30 days. A paid invoice is refunded within five working days.",
    ),
    Article(
        "Shipping and delivery",
        "https://help.example.com/shipping",
        "Orders ship within two working days. Delivery takes three to five working days more.",
    ),
    Article(
        "Resetting your password",
        "https://help.example.com/password",
        "Choose 'Forgot password' where you log in. The link that we send works for one hour.",
    ),
    Article(
        "Contact",
        "https://help.example.com/contact",
        "Write to us in this chat, or open a ticket here and we come back to you.",
    ),
)


def find_articles(question: str, limit: int) -> list[Article]:
    """Return the articles that share words with a question, best match first."""
    asked = _words(question)
    scored = [
        (len(asked & _words(article.title)) * 3 + len(asked & _words(article.text)), article) for article in ARTICLES
    ]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])
    return [article for _, article in best[:limit]]


# Words that appear in every text.
_COMMON = frozenset(
    "a an and are at by can do does for from how i in is it my of on or the this to we what when you your".split()  # noqa: SIM905 - a line of words
)


def _words(text: str) -> set[str]:
    return {word.removesuffix("s") for word in re.findall(r"\w+", text.lower())} - _COMMON
