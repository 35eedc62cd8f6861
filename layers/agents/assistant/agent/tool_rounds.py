"""Store a run's tool calls as hidden thread items.

ChatKit stores neither server-side tool calls nor their results. The platform stores each round of calls in one hidden
item, before the text that the model wrote after it. The item holds the input items of the Agents SDK. So the model of a
later turn sees the calls, with the provider's own data (Gemini's signature, reasoning).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from agents.items import (
    HandoffCallItem,
    HandoffOutputItem,
    MCPApprovalRequestItem,
    MCPApprovalResponseItem,
    ReasoningItem,
    RunItem,
    ToolCallItem,
    ToolCallOutputItem,
)
from chatkit.types import HiddenContextItem
from openai.types.responses.response_output_item import ImageGenerationCall
from pydantic_core import to_jsonable_python

from assistant import clock
from assistant.ids import ID_PREFIXES, new_id
from assistant.models import APPROVAL_RESPONSE, HOSTED_CALLS, sendable_output, stored_hosted_item
from assistant.text import PASSAGES_GONE, PASSAGES_START
from assistant.threads import TOOL_ROUND

if TYPE_CHECKING:
    from chatkit.types import ThreadMetadata

_KEPT_ITEMS = (
    ToolCallItem
    | ToolCallOutputItem
    | ReasoningItem
    | HandoffCallItem
    | HandoffOutputItem
    | MCPApprovalRequestItem
    | MCPApprovalResponseItem
)


class ToolRounds:
    """Turns each complete round of tool calls of a run, and each call of a hosted tool, into a hidden item.

    Args:
        thread: The run's thread.
        left_out: Ids of calls that the thread has already, for example of a resumed run.
        outside: Where the texts come from that the run has read and its user did not write. The item names them,
            because the model of a later turn reads the results again.
    """

    def __init__(
        self, thread: ThreadMetadata, left_out: Iterable[str] = (), outside: Collection[str] = frozenset()
    ) -> None:
        self._thread = thread
        self._outside = outside
        self._left_out = set(left_out)
        self._seen = 0
        self._open: list[dict[str, Any]] = []
        # The stream's reasoning since the last item of another kind.
        self._reasoning: list[dict[str, Any]] = []

    def leave_out(self, call_id: str) -> None:
        """Leave a call out because the thread has an item for it, for example a client tool call."""
        self._left_out.add(call_id)

    def take(self, run_items: Sequence[RunItem]) -> HiddenContextItem | None:
        """Return an item with the calls completed since the last call of `take`, or None.

        The item never has a call without a result, such as a cancelled one: models refuse such a call.

        Args:
            run_items: All items of the run so far.
        """
        if len(run_items) == self._seen:
            return None
        self._open += [
            without_passages(sendable_output(to_jsonable_python(item.to_input_item(), exclude_none=True)))
            for item in run_items[self._seen :]
            if isinstance(item, _KEPT_ITEMS)
            # A picture has its own thread item. Here it would be stored as base64.
            and not isinstance(item.raw_item, ImageGenerationCall)
        ]
        self._seen = len(run_items)
        rejected = {value["approval_request_id"] for value in self._open if _is_rejection(value)} - self._left_out
        values = list(self._round(rejected))
        calls = {value["call_id"] for value in values if value["type"] == "function_call"}
        answered = {value["call_id"] for value in values if value["type"] == "function_call_output"}
        if calls - answered:
            return None
        self._open = []
        if not calls and not rejected:
            # Only reasoning, before a message or before a call that is left out. It is not sent back.
            return None
        self._left_out |= rejected
        return self._hidden(values)

    def take_streamed(self, item: Any, run_items: Sequence[RunItem]) -> HiddenContextItem | None:
        """Return an item with a hosted tool's call that the model's stream has completed, or None.

        Store such a call at once: the provider has made it, and the text that the model writes after it can take long.

        Args:
            item: The completed item of the stream.
            run_items: All items of the run so far, with the approval of a remote MCP call.
        """
        if item.type == "reasoning":
            self._reasoning.append(to_jsonable_python(item, exclude_none=True))
            return None
        before, self._reasoning = self._reasoning, []
        if item.type not in HOSTED_CALLS:
            return None
        called = stored_hosted_item(to_jsonable_python(item))
        return self._hidden([*before, *_approval_of(called, run_items), called])

    def _round(self, rejected: set[str]) -> Iterator[dict[str, Any]]:
        """Yield the open round's items. Reasoning goes with the item after it.

        Args:
            rejected: The ids of the requests for approval that the user has rejected.
        """
        reasoning: list[dict[str, Any]] = []
        for value in self._open:
            match value["type"]:
                case "reasoning":
                    reasoning.append(value)
                    continue
                case "mcp_approval_request" | "mcp_approval_response":
                    kept = value.get("approval_request_id", value.get("id")) in rejected
                case kind if kind in HOSTED_CALLS:
                    # `take_streamed` has stored it with its reasoning.
                    kept = False
                case _:
                    if value.get("call_id") in self._left_out:
                        continue
                    kept = True
            if kept:
                yield from reasoning
                yield value
            reasoning.clear()
        yield from reasoning

    def _hidden(self, values: list[dict[str, Any]]) -> HiddenContextItem:
        return HiddenContextItem(
            id=new_id(ID_PREFIXES["tool_call"]),
            thread_id=self._thread.id,
            created_at=clock.now(),
            content={
                "type": TOOL_ROUND,
                "items": values,
                **({"outside": sorted(self._outside)} if self._outside else {}),
            },
        )


def without_passages(value: dict[str, Any]) -> dict[str, Any]:
    """Return an item of a run. A note takes the place of an output with passages of documents."""
    output = value.get("output")
    if isinstance(output, str) and output.startswith(PASSAGES_START):
        return {**value, "output": PASSAGES_GONE}
    return value


def _is_rejection(value: dict[str, Any]) -> bool:
    return value["type"] == APPROVAL_RESPONSE and not value["approve"]


def _approval_of(called: dict[str, Any], run_items: Sequence[RunItem]) -> list[dict[str, Any]]:
    """Return the request, with its reasoning, and the response of a remote MCP call that a user has approved."""
    request_id = called.get("approval_request_id")
    if request_id is None:
        return []
    found: list[dict[str, Any]] = []
    reasoning: list[dict[str, Any]] = []
    for item in run_items:
        if not isinstance(item, ReasoningItem | MCPApprovalRequestItem | MCPApprovalResponseItem):
            reasoning.clear()
            continue
        value = to_jsonable_python(item.to_input_item(), exclude_none=True)
        match value["type"]:
            case "reasoning":
                reasoning.append(value)
                continue
            case "mcp_approval_request" if value["id"] == request_id:
                found += [*reasoning, value]
            case "mcp_approval_response" if value["approval_request_id"] == request_id:
                found.append(value)
            case _:
                pass
        reasoning.clear()
    return found
