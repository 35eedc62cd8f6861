"""The sweep with a large backlog, on DynamoDB and S3 as models that answer each call after a fixed time.

The local AWS is no measure here: its Query of a partition with thousands of rows takes longer than all other calls.
"""

from __future__ import annotations

import bisect
import json
import time
from datetime import timedelta
from importlib import import_module
from typing import Any
from unittest.mock import patch

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from assistant import clock
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.upkeep import sweep
from tests.support.faults import aws_response

BACKLOG, QUICK_BACKLOG = 50_000, 1_000
# A run of the sweep on Lambda has about this long; one piece at a time is measured for less.
SWEEP_SECONDS, ALTERNATIVE_SECONDS = 100.0, 10.0
# The time of a call.
CALL_SECONDS = 0.01


class Backlog:
    """Due work in a model of DynamoDB, and the objects that the work removes in a model of S3."""

    def __init__(self, resources: Resources, pieces: int) -> None:
        self._rows: dict[str, dict[str, Any]] = {pk: {} for pk in keys.sweep_partitions()}
        due = clock.now() - timedelta(minutes=1)
        for number in range(pieces):
            key = keys.sweep_key(due, f"item {number}", "object")
            row = {"kind": "object", "object": f"items/nothing/{number}", **key._asdict()}
            self._rows[key.pk][key.sk] = {name: {"S": value} for name, value in row.items()}
        self._sorted = {pk: sorted(rows) for pk, rows in self._rows.items()}
        table: Any = resources.table.client.meta.events
        bucket: Any = resources.objects.client.meta.events
        self._handlers = [(table, "before-send.dynamodb", self._table), (bucket, "before-send.s3", self._bucket)]
        for events, name, handler in self._handlers:
            events.register_first(name, handler)

    def close(self) -> None:
        """Let the clients send their requests again."""
        for events, name, handler in self._handlers:
            events.unregister(name, handler)

    def _table(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        assert isinstance(request.body, bytes)
        body = json.loads(request.body)
        time.sleep(CALL_SECONDS)
        answer: dict[str, Any] = {}
        if event_name.endswith("Query"):
            values = {name: value["S"] for name, value in body["ExpressionAttributeValues"].items()}
            answer = self._query(values[":pk"], values[":low"], values[":high"], body["Limit"])
        else:
            key = Key(body["Key"]["pk"]["S"], body["Key"]["sk"]["S"])
            self._rows[key.pk].pop(key.sk, None)
        return aws_response(request.url, 200, "application/x-amz-json-1.0", json.dumps(answer).encode())

    def _query(self, pk: str, low: str, high: str, limit: int) -> dict[str, Any]:
        names, rows = self._sorted[pk], self._rows[pk]
        found: list[Any] = []
        for name in names[bisect.bisect_left(names, low) :]:
            if name > high:
                return {"Items": found}
            if name in rows:
                found.append(rows[name])
            if len(found) == limit:
                return {"Items": found, "LastEvaluatedKey": {}}
        return {"Items": found}

    def _bucket(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        time.sleep(CALL_SECONDS)
        return aws_response(request.url, 200, "application/xml", b"<DeleteResult/>")


async def _swept(resources: Resources, pieces: int, seconds: float) -> dict[str, float]:
    """Sweep for at most this time, and return the pieces of work a second."""
    model = Backlog(resources, pieces)
    began = time.monotonic()
    swept = await sweep(resources, time_is_up=lambda: time.monotonic() - began > seconds)
    model.close()
    rate = swept.finished / (time.monotonic() - began)
    return {"backlog": pieces, "finished": swept.finished, "a second": rate, "minutes for all": pieces / rate / 60}


async def measure(resources: Resources, *, quick: bool) -> dict[str, dict[str, float]]:
    """Sweep a backlog as deployed, and the same backlog one piece at a time in one shard.

    Args:
        resources: A table and a bucket that no call reaches.
        quick: Whether to sweep a small backlog.
    """
    pieces = QUICK_BACKLOG if quick else BACKLOG
    found = {"all shards at once": await _swept(resources, pieces, SWEEP_SECONDS)}
    with (
        patch.object(import_module("assistant.upkeep.sweep"), "PIECES_AT_ONCE", 1),
        patch.object(keys, "SWEEP_SHARDS", 1),
    ):
        found["one at a time"] = await _swept(resources, pieces, ALTERNATIVE_SECONDS)
    return found
