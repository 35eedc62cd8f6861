"""Sample conversations, and the tool calls that a good model makes. `make eval` runs them."""

from __future__ import annotations

from scripts.eval_cases import Case, Expected, Turn

CASES = (
    Case("keeps a note", (Turn("Keep a note: buy milk", (Expected("keep_note", {"text": "milk"}),)),)),
    Case("answers a greeting without a note", (Turn("Hello!", never=("keep_note",)),)),
)
