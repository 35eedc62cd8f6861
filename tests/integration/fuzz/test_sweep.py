"""The function `sweep` with random events: its schedule's event is of no use to it, and nothing in one can stop it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from typing import Any

import pytest
from hypothesis import strategies as st

from local.settings import ROOT
from tests.support.aws import Aws
from tests.support.faults import failing
from tests.support.fuzzed_bodies import texts, values

SCHEDULE = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "resources": [], "detail": {}}
# One page of each shard, and what a run counts.
MOST_CALLS = 60


class Context:
    """The part of Lambda's context that the function uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Return more than any run takes."""
        return 600_000


@pytest.mark.usefixtures("aws_environment")
def test_sweep(fuzz: Any, table_and_bucket: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("sweep_app", ROOT / "functions" / "sweep" / "app.py")
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)

    def check(event: dict[str, Any]) -> None:
        with failing(app.resources.table.client, None) as calls:
            swept = app.lambda_handler(event, Context())
        assert all(type(count) is int for count in json.loads(json.dumps(swept)).values())
        assert swept["failed"] == 0
        assert len(calls.seen) <= MOST_CALLS

    odd = st.dictionaries(texts.filter(lambda name: name != "Records"), values, max_size=4)
    # With `Records` it is the alarm's notification, whatever else it says.
    alarms = values.map(lambda value: {"Records": value})
    fuzz(odd.map(lambda more: {**SCHEDULE, **more}) | odd | alarms, check)
    asyncio.set_event_loop(None)
