"""`make eval`: whose conversations it runs, and how it judges them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from local.settings import ROOT
from scripts.eval_cases import Expected, Turn
from scripts.evaluate import Made, Verdict, cases_of, judge, table
from tests.evals.desk.cases import CASES
from tests.support import desk


def test_a_package_is_judged_by_its_own_cases() -> None:
    assert cases_of(desk.FACTORY) is CASES
    assert cases_of("acme:build_agent") == ()


def test_a_package_without_cases_is_told_where_they_belong() -> None:
    environment = os.environ | {"AGENT_FACTORY": "acme:build_agent"}
    script = ROOT / "scripts" / "evaluate.py"
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "AGENT_FACTORY=acme:build_agent has no conversations. Write them as CASES in tests/evals/acme/cases.py.\n"
    )


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
        cwd=ROOT,
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
