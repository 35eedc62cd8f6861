"""`make new`: which names it takes, and what it writes. `tests/e2e/test_new_package.py` runs what it wrote."""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.settings import ROOT
from scripts import new


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "it has to be given"),
        ("book-shop", "small letters, digits and underscores"),
        ("Bookshop", "small letters"),
        ("2books", "begins with a letter"),
        ("../books", "small letters"),
        ("b" * 31, "1 to 30"),
        ("class", "no word of Python's"),
        ("aws_books", "Lambda reserves"),
        ("protocol", "tests/integration/protocol is there already"),
        ("json", "another module or library"),
        ("assistant", "layers/agents/assistant is there already"),
        ("declaration", "another module or library"),
        ("lambda_stream", "Lambda reserves"),
        ("artifact", "another module or library"),
        ("app", "another module or library"),
        ("local", "tests/unit/local is there already"),
        ("benchmarks", "another module or library"),
        ("openai", "another module or library"),
        ("pyjwt", "another module or library"),
    ],
)
def test_a_name_that_cannot_be_a_packages_is_refused_and_says_why(name: str, told: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        new.package_name(name)
    assert told in str(refused.value)


def test_a_refused_name_is_told_as_make_has_it_and_writes_nothing() -> None:
    before = (ROOT / new.CHOICE).exists()
    done = subprocess.run(
        [sys.executable, "-m", "scripts.new", "--name", "book-shop"],
        cwd=ROOT,
        env=os.environ | {"MAKE_TARGET": "new"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("make new: NAME=…: it has 1 to 30 small letters")
    assert not any((ROOT / folder).exists() for folder in new.folders("book-shop"))
    assert (ROOT / new.CHOICE).exists() == before


def test_a_package_and_its_tests_are_written_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert new.package_name("teashop") == "teashop"
    monkeypatch.setattr(new, "ROOT", tmp_path)
    written = new.write("teashop")
    assert {path.relative_to(tmp_path).parts[:3] for path in written} == {
        ("layers", "agents", "teashop"),
        ("tests", "unit", "teashop"),
        ("tests", "integration", "teashop"),
        ("tests", "evals", "teashop"),
    }
    text = "".join(path.read_text() for path in written)
    assert new.PLACEHOLDER not in text.lower()
    assert "teashop_most_notes" in text
    assert "TEASHOP_MOST_NOTES" in text
    for path in written:
        if path.suffix == ".py":
            ast.parse(path.read_text())


@pytest.mark.parametrize(
    ("text", "before"),
    [(None, None), ('package = "bookshop"\n', "bookshop"), ('package = "teashop"\n', None), ("package", None)],
)
def test_the_package_that_it_replaces_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, before: str | None
) -> None:
    monkeypatch.setattr(new, "ROOT", tmp_path)
    (tmp_path / new.CHOICE).parent.mkdir(parents=True)
    if text is not None:
        (tmp_path / new.CHOICE).write_text(text)
    assert new.replaced("teashop") == before
