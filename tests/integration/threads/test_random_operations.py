"""The random operations of the unit tests on the local AWS server."""

from __future__ import annotations

import pytest

from tests.integration.threads.conftest import MakeResources
from tests.unit.assistant.threads.machine import run_random_operations


@pytest.mark.parametrize(("examples", "steps"), [(12, 25), pytest.param(1_000, 12, marks=pytest.mark.exhaustive)])
def test_the_store_equals_its_model_on_a_server_too(make_resources: MakeResources, examples: int, steps: int) -> None:
    run_random_operations(make_resources, examples, steps)
