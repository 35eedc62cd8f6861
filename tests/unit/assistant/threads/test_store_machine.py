"""Random operations on the store and on a plain model of it, in this process."""

from __future__ import annotations

from functools import partial

import pytest
from moto import mock_aws

from tests.support.store import aws_client, make_moto_bucket, make_moto_table, resources_on
from tests.unit.assistant.threads.machine import run_random_operations

TABLE = "threads"


@pytest.mark.parametrize("examples", [4, pytest.param(60, marks=pytest.mark.exhaustive)])
def test_the_store_equals_its_model(examples: int) -> None:
    def empty() -> None:
        # In moto, a transaction takes time in proportion to the size of its table.
        aws_client(None, "dynamodb").delete_table(TableName=TABLE)
        make_moto_table(TABLE)

    with mock_aws():
        make_moto_table(TABLE)
        make_moto_bucket(TABLE)
        run_random_operations(partial(resources_on, None, TABLE, TABLE), examples, steps=30, begin=empty)
