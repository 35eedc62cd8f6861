"""The sample conversations of `make eval` with the demo model, and their checks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.context import Resources
from scripts.eval_cases import CASES, Expected, Turn
from scripts.evaluate import Made, Verdict, evaluate, judge, table

pytestmark = pytest.mark.anyio


async def test_the_demo_model_passes_every_case(resources: Resources) -> None:
    verdicts = await evaluate(resources, CASES)
    assert [verdict for verdict in verdicts if verdict.problems] == []
    assert len(verdicts) == len(CASES)


def test_other_agents_are_not_judged_by_these_cases() -> None:
    environment = os.environ | {"AGENT_FACTORY": "acme:build_agent"}
    script = Path(__file__).parents[3] / "scripts" / "evaluate.py"
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "scripts/eval_cases.py holds cases for helpdesk:build_agent, and none for acme:build_agent.\n"


def test_a_recipe_that_does_not_exist_is_told_with_those_that_do() -> None:
    done = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "-o",
            ".venv/.installed",
            "-o",
            ".envs/ministack/.installed",
            "eval",
            "RECIPE=x",
        ],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "There is no recipe 'x'. The recipes are: anthropic, azure, bedrock" in done.stderr


ADD = Expected("add_task", {"title": "milk", "priority": "high"})


@pytest.mark.parametrize(
    ("turn", "made", "problem"),
    [
        (Turn("", (ADD,)), [], "no add_task"),
        (Turn("", (ADD,)), [Made("add_task", {"title": "milk", "priority": "low"})], "no add_task"),
        (Turn("", (ADD,)), [Made("add_task", {"title": "bread", "priority": "high"})], "no add_task"),
        (
            Turn("", (Expected("a"), Expected("b"))),
            [Made("b", {}), Made("a", {})],
            "no b",
        ),
        (Turn("", never=("refund_invoice",)), [Made("refund_invoice", {})], "called refund_invoice"),
        (Turn("", held=True), [], "did not ask"),
        (Turn("", answer_has=("Zeeshan",)), [], "lacks"),
        (Turn("", answer_lacks=("SAID",)), [], "has"),
    ],
)
def test_the_judge_names_what_is_wrong(turn: Turn, made: list[Made], problem: str) -> None:
    (found,) = judge(turn, made, "It was said.", held=False)
    assert problem in found


def test_the_judge_lets_other_calls_stand_between() -> None:
    made = [
        Made("transfer_to_tasks", {}),
        Made("list_tasks", {}),
        Made("add_task", {"title": "Milk", "priority": "high"}),
    ]
    assert list(judge(Turn("", (Expected("transfer_to_tasks"), ADD)), made, "", held=False)) == []


def test_the_table_counts_what_went_well() -> None:
    shown = table([Verdict("one", ("a", "b"), ()), Verdict("two", (), ("no a()",))], "demo")
    assert shown.splitlines() == ["ok    one  a > b", "FAIL  two  no a()", "1 of 2 on demo"]
