"""Sample conversations with the tests' agents, which the small model behind the dialects can hold."""

from __future__ import annotations

from scripts.eval_cases import Case, Expected, Turn, to

CASES = (
    Case("adds a task", (Turn("add task buy milk (high)", (to("tasks"), Expected("add_task", {"title": "milk"}))),)),
    Case(
        "does not repeat the list",
        (
            Turn("add task water the orchids", (Expected("add_task", {"priority": "medium"}),)),
            Turn("list my tasks", (to("tasks"), Expected("list_tasks")), answer_lacks=("orchids",)),
        ),
    ),
)
