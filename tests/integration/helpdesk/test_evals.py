"""The sample conversations of `make eval` with the demo model."""

from __future__ import annotations

import pytest

from assistant.context import Resources
from scripts.evaluate import evaluate
from tests.evals.helpdesk.cases import CASES

pytestmark = pytest.mark.anyio


async def test_the_demo_model_passes_every_case(resources: Resources) -> None:
    verdicts = await evaluate(resources, CASES)
    assert [verdict for verdict in verdicts if verdict.problems] == []
    assert len(verdicts) == len(CASES)
