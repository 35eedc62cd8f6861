"""Each threat of docs/security.md has a defence, and tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from local.settings import ROOT
from tests.support.sample import is_gone

PAGE = (ROOT / "docs" / "security.md").read_text()
SECTION = PAGE.partition("## Threats, defences and tests")[2].partition("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\| .+ \|$", SECTION, re.M)][1:]


@cache
def find_tests(path: str) -> set[str]:
    """Return the tests of a file. One that is skipped always would prove nothing."""
    tree = ast.parse((ROOT / "tests" / path).read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    skipped = {
        function.name
        for function in functions
        if any(
            ast.unparse(each).startswith(("pytest.mark.skip", "pytest.mark.xfail")) for each in function.decorator_list
        )
    }
    return {function.name for function in functions if function.name.startswith("test_")} - skipped


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_threat_has_a_defence_and_tests_that_exist(row: list[str]) -> None:
    threat, defence, tests = row
    assert threat
    assert defence
    named = re.findall(r"`([^`]+)`", tests)
    assert named
    assert re.sub(r"`[^`]+`|<br>", "", tests) == ""
    for each in named:
        path, _, name = each.partition("::")
        assert is_gone(path) or name in find_tests(path), each


def test_the_table_has_the_threats() -> None:
    assert len(ROWS) > 30
    assert len({row[0] for row in ROWS}) == len(ROWS)
