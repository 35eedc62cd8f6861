"""Values for random operations: colliding ids, equal moments, items of several kinds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    HiddenContextItem,
    InferenceOptions,
    StructuredInputFreeform,
    StructuredInputItem,
    ThreadItem,
    UserMessageItem,
    UserMessageTextContent,
)
from hypothesis import strategies as st

# Tenants and users whose names would meet if a separator were not escaped.
OWNERS = (("acme", "ann"), ("acme#ann", "b"), ("acme", "ann#b"))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FOREIGN_IDS = ("si_1", "msg1", "__fake_id__", "a#b", "~meta", "I#", "ü/😀", "T#zz", " ", "%23")
LIMITS = st.sampled_from([0, 1, 1, 2, 3, 20, 100, 100_000])
ORDERS = st.sampled_from(["asc", "desc"])
TEXTS = st.one_of(st.sampled_from(["", " ", '\n"\\', "😀" * 2000]), st.text(max_size=20))
# Few moments, so that many are equal; one without a time zone, as ChatKit's own server makes them.
NAIVE = NOON.astimezone().replace(tzinfo=None)
MOMENTS = st.sampled_from([NOON, NOON, NOON + timedelta(microseconds=1), NOON - timedelta(days=900), NAIVE])
# A usual page, two of them, and more than any page may have.
COUNTS = st.sampled_from([20, 45, 110])
KINDS = st.sampled_from(["user", "assistant", "hidden", "question", "question", "answered question"])


def make_item(kind: str, item_id: str, thread_id: str, created_at: datetime, text: str) -> ThreadItem:
    common: dict[str, Any] = {"id": item_id, "thread_id": thread_id, "created_at": created_at}
    match kind:
        case "user":
            content = [UserMessageTextContent(text=text)]
            return UserMessageItem(**common, content=content, attachments=[], inference_options=InferenceOptions())
        case "assistant":
            return AssistantMessageItem(**common, content=[AssistantMessageContent(text=text)])
        case "hidden":
            return HiddenContextItem(**common, content=text)
    status = "answered" if kind == "answered question" else "pending"
    return StructuredInputItem(**common, status=status, inputs=[StructuredInputFreeform(id="q", question=text or "?")])


def shown(item: ThreadItem) -> bool:
    return item.type != "hidden_context_item"
