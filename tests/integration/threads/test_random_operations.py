"""The random operations of the unit tests, on the local AWS that is a server."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from assistant.resources import Resources
from tests.support.aws import Aws
from tests.support.store import resources_on
from tests.unit.assistant.threads.test_store_machine import StoreMachine


@pytest.mark.parametrize("examples", [30, pytest.param(1_000, marks=pytest.mark.exhaustive)])
def test_the_store_equals_its_model_on_a_server_too(table_and_bucket: Aws, examples: int) -> None:
    class OnServer(StoreMachine):
        def begin(self) -> Resources:
            return resources_on(table_and_bucket, table_and_bucket.table_name, table_and_bucket.bucket_name)

        def end(self) -> None:
            pass

    run_state_machine_as_test(
        OnServer,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
