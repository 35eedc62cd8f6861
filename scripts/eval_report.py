"""The results of `make eval`: a table for a person, JSON for a program, and a threshold for CI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.eval_judge import Judged


@dataclass(frozen=True)
class Verdict:
    """The result of a case. Without `problems` it has passed.

    Attributes:
        name: The case.
        calls: The names of the tools that were called, in order.
        problems: What was wrong.
        judged: What the judge said.
        seconds: How long it took.
        tokens: The input and output tokens of all model calls, without the judge's.
    """

    name: str
    calls: tuple[str, ...]
    problems: tuple[str, ...]
    judged: tuple[Judged, ...] = ()
    seconds: float = 0.0
    tokens: int = 0

    @property
    def passed(self) -> bool:
        """Whether nothing was wrong. A criterion that nobody has judged is not wrong."""
        return not self.problems


def share(verdicts: Sequence[Verdict]) -> float:
    """Return the share of cases that have passed, from 0 to 1."""
    return sum(each.passed for each in verdicts) / len(verdicts)


def table(verdicts: Sequence[Verdict], provider: str) -> str:
    """Return the results as a table."""
    width = max(len(verdict.name) for verdict in verdicts)
    lines = [
        f"{'ok  ' if verdict.passed else 'FAIL'}  {verdict.name:<{width}}  "
        + ("; ".join(verdict.problems) or " > ".join(verdict.calls))
        for verdict in verdicts
    ]
    good = sum(verdict.passed for verdict in verdicts)
    unjudged = sum(each.fulfilled is None for verdict in verdicts for each in verdict.judged)
    told = f", {unjudged} criteria not judged" if unjudged else ""
    return "\n".join([*lines, f"{good} of {len(verdicts)} on {provider}{told}"])


def write_report(path: Path, verdicts: Sequence[Verdict], **facts: Any) -> None:
    """Write the results as JSON: the facts, the share that has passed, and each case."""
    cases = [{**asdict(each), "passed": each.passed} for each in verdicts]
    report = {**facts, "share": round(share(verdicts), 4), "cases": cases}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def threshold_of(text: str) -> float:
    """Return the share of cases that must pass: `THRESHOLD`, from 0 to 1. Empty: all.

    Raises:
        ValueError: it is no such number.
    """
    try:
        value = float(text or 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"THRESHOLD is a share from 0 to 1, such as 0.9, not {text!r}.")
    return value
