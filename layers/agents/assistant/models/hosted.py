"""The items of tools that run at OpenAI: their stored form, and their text for a provider that does not take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.text import CONTEXT_END, CONTEXT_START

# Each stands for itself: the provider has run the tool, and the item holds the result.
HOSTED_CALLS = frozenset({"web_search_call", "file_search_call", "code_interpreter_call", "mcp_list_tools", "mcp_call"})
# A user decides between these two. OpenAI refuses a request whose response is missing.
APPROVAL_REQUEST, APPROVAL_RESPONSE = "mcp_approval_request", "mcp_approval_response"
HOSTED_ITEMS = HOSTED_CALLS | {APPROVAL_REQUEST, APPROVAL_RESPONSE}
# The text of one result. A longer one would push the conversation out of a small model's context.
MAX_RESULT_CHARACTERS = 2_000


def stored_hosted_item(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a hosted tool's item in the form that the API takes as input.

    Args:
        fields: The item of a response, as JSON.
    """
    kept = {name: value for name, value in fields.items() if value is not None}
    if kept["type"] == "code_interpreter_call":
        # The API requires both fields. A picture is stored as an item of its own, so its base64 is left out here.
        logs = _dicts(kept.get("outputs"), "logs")
        kept |= {"code": kept.get("code"), "outputs": logs or None}
    return kept


def hosted_text(item: Mapping[str, Any]) -> str | None:
    """Return a hosted tool's item as text for the model, or None if it tells the model nothing."""
    text = _text(item)
    return None if text is None else f"{CONTEXT_START}\n{text}\n{CONTEXT_END}"


def _text(item: Mapping[str, Any]) -> str | None:
    match item.get("type"):
        case "web_search_call":
            given = item.get("action")
            action = given if isinstance(given, dict) else {}
            queries = _list(action.get("queries")) or [action.get("query") or action.get("url") or "something"]
            return f"A web search ran for: {', '.join(map(str, queries))}"
        case "file_search_call":
            found = [f"{each.get('filename')}: {each.get('text')}" for each in _dicts(item.get("results"))]
            return _bounded(
                f"A file search ran for: {', '.join(map(str, _list(item.get('queries'))))}", "\n".join(found)
            )
        case "code_interpreter_call":
            logs = [str(each.get("logs")) for each in _dicts(item.get("outputs"), "logs")]
            return _bounded(f"This code ran:\n{str(item.get('code') or '')[:MAX_RESULT_CHARACTERS]}", "\n".join(logs))
        case "mcp_call":
            result = item.get("output") or item.get("error") or "no result"
            return _bounded(f"The remote tool {item.get('name')} ran with {item.get('arguments')}", str(result))
        case "mcp_approval_request":
            return f"The remote tool {item.get('name')} needed the user's approval for {item.get('arguments')}"
        case "mcp_approval_response":
            return "The user approved this call." if item.get("approve") else "The user did not approve this call."
        case _:
            return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: Any, kind: str | None = None) -> list[Mapping[str, Any]]:
    """Return the objects in a list, those of a kind if one is given."""
    found = [each for each in _list(value) if isinstance(each, Mapping)]
    return found if kind is None else [each for each in found if each.get("type") == kind]


def _bounded(head: str, result: str) -> str:
    return f"{head}\nThe result: {result[:MAX_RESULT_CHARACTERS]}" if result else head


def runs_at_provider(items: object) -> bool:
    """Tell whether a request makes the provider run a call that the user has approved.

    Such a request is sent once: if its outcome is unknown, the call may have been made.
    """
    if not isinstance(items, list):
        return False
    approved: set[str] = set()
    for item in items:
        match item.get("type"):
            case "mcp_approval_response" if item.get("approve"):
                approved.add(item["approval_request_id"])
            case "mcp_call":
                approved.discard(item.get("approval_request_id"))
            case _:
                pass
    return bool(approved)
