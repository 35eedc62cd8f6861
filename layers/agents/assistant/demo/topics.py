"""The plain words that the demo model understands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Intent:
    """The tool that a message asks for.

    Attributes:
        tool_words: Words that the tool's name must contain, the best choice first.
        values: Arguments by the last word of a parameter's name.
        never: Words that the tool's name must not contain.
    """

    tool_words: tuple[tuple[str, ...], ...]
    values: dict[str, Any] = field(default_factory=dict)
    never: tuple[str, ...] = ()


# The first topic with a word in the message counts. A handoff whose name contains the topic gets the message.
_TOPICS = {
    "billing": r"bill|billing|invoices?|refund|pay|payments?|charged?|prices?",
    "tech": r"tech|technical|errors?|crash(es|ed)?|bugs?|broken|log ?in|passwords?|install|tickets?|not working",
    "task": r"tasks?|to-?dos?",
    "employee": r"employees?|colleagues?|orders?|shipping|delivery",
    "general": r"general|opening hours|contact|help cent(re|er)|remember|forget"
    r"|(search|look) (in |through )?(my|our|the) documents",
}
_TOPIC_PATTERNS = {topic: re.compile(rf"\b({words})\b", re.IGNORECASE) for topic, words in _TOPICS.items()}

_PRIORITY = re.compile(r"\W*\b(?:priority\W*)?(high|medium|low)(?:\W*priority)?\b\W*$", re.IGNORECASE)
_ADD_TASK = re.compile(r"\b(?:add|create|new)\s+(?:a\s+|the\s+)?task\b[\s:,]*(?P<title>.*)", re.IGNORECASE | re.DOTALL)
_COMPLETE_TASK = re.compile(r"\b(?:complete|finish|close|tick off|mark)\b.*?\btask\b\D*(?P<id>\d+)", re.IGNORECASE)
_LIST_TASKS = re.compile(r"\b(?:list|show|see|what|which)\b.*\btasks\b|^\W*(?:my )?tasks\W*$", re.IGNORECASE)
_NUMBERED = r"\b{word}s?\b[^\w#]*(?:number|no\.?|id)?\s*#?(?P<id>[\w-]*\d[\w-]*)"
_EMPLOYEE = re.compile(_NUMBERED.format(word="employee"), re.IGNORECASE)
_ORDER = re.compile(_NUMBERED.format(word="order"), re.IGNORECASE)
_INVOICE = re.compile(_NUMBERED.format(word="invoice"), re.IGNORECASE)
_INVOICE_WORD = re.compile(r"\binvoices?\b", re.IGNORECASE)
_REFUND = re.compile(r"\brefund\b", re.IGNORECASE)
_TICKET = re.compile(r"\b(?:open|create|file)\b.*?\bticket\b[\s:,]*(?:for|about)?\s*(?P<title>.*)", re.IGNORECASE)
_HELP = re.compile(r"\b(?:opening hours|contact|help cent(?:re|er))\b", re.IGNORECASE)

_KNOWLEDGE = re.compile(r"\b(?:search|look) (?:in |through )?(?:my|our|the) documents\b", re.IGNORECASE)


def topic_of(text: str) -> str | None:
    """Return the topic of a message: billing, tech, task, employee, general, or none of them."""
    for topic, pattern in _TOPIC_PATTERNS.items():
        if pattern.search(text):
            return topic
    return None


def intent_of(text: str) -> Intent | None:
    """Return the intent of a message, or None if the sample agents have no tool for it."""
    if found := _ADD_TASK.search(text):
        return Intent((("add", "task"), ("create", "task")), _task(found["title"].strip()))
    if found := _COMPLETE_TASK.search(text):
        return Intent((("complete", "task"), ("finish", "task")), _numbered(found["id"]))
    if _LIST_TASKS.search(text):
        return Intent((("list", "task"), ("task",)), {"filter": _status(text), "status": _status(text)})
    if found := _EMPLOYEE.search(text):
        return Intent((("employee",),), _numbered(found["id"]))
    if found := _ORDER.search(text):
        return Intent((("order",),), _numbered(found["id"]))
    if _INVOICE_WORD.search(text):
        found = _INVOICE.search(text)
        values = _numbered(found["id"]) if found else {}
        if _REFUND.search(text):
            return Intent((("refund",),), {**values, "reason": text})
        words = (("get", "invoice"), ("invoice",)) if found else (("list", "invoice"), ("invoice",))
        return Intent(words, values, never=("refund",))
    if found := _TICKET.search(text):
        title = found["title"].strip() or text
        return Intent((("open", "ticket"), ("ticket",)), {"subject": title, "title": title})
    if _KNOWLEDGE.search(text):
        return Intent((("search", "knowledge"),), {"question": _KNOWLEDGE.sub("", text).strip() or text})
    if _HELP.search(text):
        return Intent((("search", "help"), ("search",)), {"question": text, "query": text})
    return None


def _numbered(number: str) -> dict[str, Any]:
    """Return a number under each name that a parameter may have for it."""
    return {"id": number, "number": number, "code": number}


def _task(title: str) -> dict[str, Any]:
    found = _PRIORITY.search(title)
    priority = found[1].lower() if found else "medium"
    title = (title[: found.start()] if found else title).strip(" .\"'") or "New task"
    return {"title": title, "task": title, "name": title, "description": title, "priority": priority}


def _status(text: str) -> str:
    words = text.lower()
    if re.search(r"\b(completed?|done|finished)\b", words):
        return "completed"
    return "pending" if re.search(r"\b(pending|open|unfinished)\b", words) else "all"
