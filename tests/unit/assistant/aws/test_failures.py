"""Every error code that botocore documents for the calls in use has a row in the code's table and in docs/store.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import botocore.session
import pytest

from assistant.aws.failures import DYNAMODB, REASONS, S3, Failure

PAGE = (Path(__file__).parents[4] / "docs" / "store.md").read_text()
CALLS = {
    "dynamodb": [
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "TransactWriteItems",
        "UpdateItem",
    ],
    "s3": ["DeleteObjects", "GetObject", "ListObjectsV2", "PutObject"],
}


@pytest.mark.parametrize(("service", "codes"), [("dynamodb", DYNAMODB), ("s3", S3)])
def test_each_error_of_a_call_in_use_has_an_outcome(service: str, codes: Mapping[str, Failure]) -> None:
    model = botocore.session.get_session().get_service_model(service)
    documented = {error.name for call in CALLS[service] for error in model.operation_model(call).error_shapes}
    # Its reasons have a table of their own.
    assert documented - {"TransactionCanceledException"} <= codes.keys()


@pytest.mark.parametrize(("service", "codes"), [("DynamoDB", DYNAMODB), ("a transaction", REASONS), ("S3", S3)])
def test_the_page_has_the_same_table(service: str, codes: Mapping[str, Failure]) -> None:
    found: dict[str, str] = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0] == service:
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", cells[1]), cells[2])
    assert found == {code: failure.value for code, failure in codes.items()}
