"""`make eval`: whose conversations it runs, and how it judges them."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.settings import ROOT
from scripts.eval_cases import Expected, Turn
from scripts.eval_judge import Judged
from scripts.eval_report import Verdict, share, table, threshold_of, write_report
from scripts.evaluate import CasesError, Made, cases_of, judge
from tests.evals.desk.cases import CASES
from tests.support import desk


def test_a_package_is_judged_by_its_own_cases() -> None:
    assert cases_of(desk.FACTORY) is CASES
    assert cases_of("acme:build_agent") == ()


def test_a_package_without_cases_is_told_where_they_belong() -> None:
    environment = os.environ | {"AGENT_FACTORY": "acme:build_agent", "PYTHONPATH": str(ROOT / "layers" / "agents")}
    command = [sys.executable, "-m", "scripts.evaluate"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "AGENT_FACTORY=acme:build_agent has no conversations. Write them as CASES in tests/evals/acme/cases.py.\n"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CASES = (\n", ", line 1: SyntaxError: '(' was never closed"),
        ("import json\nCASES = [Case()]\n", ", line 2: NameError: name 'Case' is not defined"),
        ("import no_such_module\n", ", line 1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("", ": AttributeError: module 'tests.evals.broken.cases' has no attribute 'CASES'"),
    ],
)
def test_cases_that_cannot_be_loaded_are_told_with_their_line(
    text: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tests" / "evals" / "broken"
    folder.mkdir(parents=True)
    (folder / "cases.py").write_text(text)
    monkeypatch.setattr("scripts.evaluate.ROOT", tmp_path)
    monkeypatch.setattr("tests.evals.__path__", [str(tmp_path / "tests" / "evals")])
    for name in ("tests.evals.broken", "tests.evals.broken.cases"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    with pytest.raises(CasesError) as raised:
        cases_of("broken:build_agent")
    assert str(raised.value).startswith(f"tests/evals/broken/cases.py{shown}")


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


@pytest.mark.parametrize(("given", "value"), [("", 1.0), ("0.9", 0.9), ("0", 0.0), ("1", 1.0)])
def test_the_threshold_is_a_share(given: str, value: float) -> None:
    assert threshold_of(given) == value


@pytest.mark.parametrize("given", ["90", "90%", "-0.1", "nan", "x"])
def test_a_wrong_threshold_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="THRESHOLD is a share from 0 to 1"):
        threshold_of(given)


def test_the_report_has_each_case_and_what_was_judged(tmp_path: Path) -> None:
    judged = (Judged("It is kind.", True, "It says please."), Judged("It is short.", None, "nobody has judged"))
    verdicts = [Verdict("one", ("a",), (), judged, 1.5, 120), Verdict("two", (), ("no a()",))]
    write_report(tmp_path / "new" / "eval.json", verdicts, provider="openai", judge="gpt")
    report = json.loads((tmp_path / "new" / "eval.json").read_text())
    assert (report["share"], report["provider"], report["judge"]) == (0.5, "openai", "gpt")
    assert [case["passed"] for case in report["cases"]] == [True, False]
    assert report["cases"][0]["judged"][0] == {
        "criterion": "It is kind.",
        "fulfilled": True,
        "reason": "It says please.",
    }
    assert share(verdicts) == 0.5
    assert table(verdicts, "openai").endswith("1 of 2 on openai, 1 criteria not judged")
