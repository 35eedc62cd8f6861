"""Make the hosted tools' items of a history valid: each id once, and each approval with its request and its call.

OpenAI refuses a request for approval without a response, and makes the call of each approved response that has none.
So an approved response may be sent only in the run that the approval resumes. In any later turn it would make the
call a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assistant.models import APPROVAL_REQUEST, APPROVAL_RESPONSE, HOSTED_CALLS

Item = Mapping[str, Any]


def valid_approvals(items: Sequence[Item]) -> list[Item]:
    """Return the items without approvals that OpenAI refuses, or that would make a call again."""
    kept = list(_once(items))
    while (fewer := _in_pairs(kept)) != kept:
        kept = fewer
    return kept


def _once(items: Iterable[Item]) -> Iterable[Item]:
    seen: set[tuple[str, str]] = set()
    for item in items:
        kind = item.get("type")
        if kind in HOSTED_CALLS or kind == APPROVAL_REQUEST:
            key = "item", str(item.get("id"))
        elif kind == APPROVAL_RESPONSE:
            key = "response", str(item.get("approval_request_id"))
        else:
            yield item
            continue
        if key not in seen:
            yield item
        seen.add(key)


def _in_pairs(items: Sequence[Item]) -> list[Item]:
    """Return the items without requests, responses and references that have no counterpart in the right order."""
    at_request = {item["id"]: place for place, item in enumerate(items) if item.get("type") == APPROVAL_REQUEST}
    responses = {
        item["approval_request_id"]: (place, item)
        for place, item in enumerate(items)
        if item.get("type") == APPROVAL_RESPONSE
    }
    called = {
        item["approval_request_id"]: place
        for place, item in enumerate(items)
        if item.get("type") == "mcp_call" and item.get("approval_request_id")
    }
    settled: dict[str, int] = {}
    for request_id, (place, response) in responses.items():
        if at_request.get(request_id, place) >= place:
            continue
        if not response.get("approve") or called.get(request_id, -1) > place or _is_last_step(items[place + 1 :]):
            settled[request_id] = place
    kept: list[Item] = []
    for place, item in enumerate(items):
        match item.get("type"):
            case "mcp_approval_request" if item["id"] not in settled:
                continue
            case "mcp_approval_response" if item["approval_request_id"] not in settled:
                continue
            case "mcp_call" if settled.get(item.get("approval_request_id", ""), place) >= place:
                item = {name: value for name, value in item.items() if name != "approval_request_id"}
            case _:
                pass
        kept.append(item)
    return kept


def _is_last_step(following: Iterable[Item]) -> bool:
    """Tell whether only other approvals and tool results of the same step follow."""
    return all(item.get("type") in (APPROVAL_REQUEST, APPROVAL_RESPONSE, "function_call_output") for item in following)
