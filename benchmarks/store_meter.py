"""Count a store's DynamoDB requests in botocore: round trips, serial hops and capacity units.

Local AWSs do not all report consumed capacity as AWS does, so it is computed from what was sent and what came back,
by the rules of DynamoDB's documentation ("Read and write operations" in the developer guide): 4 KB a read unit,
strongly consistent 1 and else 0.5; 1 KB a write unit, within a transaction 2, a condition check as a write.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024
# How long a call is held after its answer: one that was made beside it may have waited for its thread so long, and must
# not look as if it had waited for the answer.
HELD_SECONDS = 0.02
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}


@dataclass
class Cost:
    """What was asked for.

    Attributes:
        operations: DynamoDB's operations, in their order.
        hops: Groups of calls of which each had to wait for the one before.
        read_units: Read capacity.
        write_units: Write capacity.
        before_model: Calls and hops until the model was called; None where it was not.
    """

    operations: list[str] = field(default_factory=list)
    hops: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    before_model: tuple[int, int] | None = None

    @property
    def round_trips(self) -> int:
        """All calls."""
        return len(self.operations)

    @property
    def writes(self) -> int:
        """The calls that write."""
        return sum(each in WRITES for each in self.operations)

    def model_called(self) -> None:
        """Note that the model is called now, for the first time."""
        if self.before_model is None:
            self.before_model = (self.round_trips, self.hops)


def item_bytes(item: Mapping[str, Any]) -> int:
    """Return an item's size as DynamoDB counts it."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(attribute: Mapping[str, Any]) -> int:
    ((kind, value),) = attribute.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return ceil(len(value.lstrip("-").replace(".", "")) / 2) + 1
        case "B":
            return len(value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(inner) for name, inner in value.items())
        case "L":
            return 3 + sum(1 + _value_bytes(inner) for inner in value)
    return 1


@contextmanager
def metered(client: Any) -> Iterator[Cost]:
    """Count a client's calls while this is open; what was updated is looked up for its size when it closes."""
    cost, lock = Cost(), threading.Lock()
    in_flight = 0
    updated: list[tuple[str, Any, int]] = []

    def before(params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        nonlocal in_flight
        with lock:
            cost.hops += in_flight == 0
            in_flight += 1
            cost.operations.append(model.name)
            context["store_meter"] = params

    def after(parsed: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        nonlocal in_flight
        params = context["store_meter"]
        time.sleep(HELD_SECONDS)
        with lock:
            in_flight -= 1
            cost.read_units += _read_units(model.name, params, parsed)
            _note_writes(model.name, params, cost, updated)

    events = client.meta.events
    events.register("before-parameter-build.dynamodb", before)
    events.register("after-call.dynamodb", after)
    try:
        yield cost
    finally:
        events.unregister("before-parameter-build.dynamodb", before)
        events.unregister("after-call.dynamodb", after)
    for table, key, factor in updated:
        item = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        cost.write_units += _write_units(item) * factor


def _read_units(operation: str, params: Mapping[str, Any], parsed: Mapping[str, Any]) -> float:
    factor = 1.0 if params.get("ConsistentRead") else 0.5
    if operation == "GetItem":
        return factor * _units(item_bytes(parsed.get("Item", {})), READ_UNIT_BYTES)
    if operation in ("Query", "Scan"):
        # Rounded up once for all that was read.
        return factor * _units(sum(item_bytes(item) for item in parsed.get("Items", [])), READ_UNIT_BYTES)
    if operation == "BatchGetItem":
        ((table, request),) = params["RequestItems"].items()
        factor = 1.0 if request.get("ConsistentRead") else 0.5
        found = parsed["Responses"].get(table, [])
        missing = len(request["Keys"]) - len(found)
        return factor * (missing + sum(_units(item_bytes(item), READ_UNIT_BYTES) for item in found))
    return 0.0


def _note_writes(operation: str, params: Mapping[str, Any], cost: Cost, updated: list[tuple[str, Any, int]]) -> None:
    requests: list[tuple[str, Mapping[str, Any], int]] = []
    if operation == "TransactWriteItems":
        requests = [(kind, body, 2) for each in params["TransactItems"] for kind, body in each.items()]
    elif operation == "BatchWriteItem":
        ((table, batch),) = params["RequestItems"].items()
        requests = [("Put", {"TableName": table, **body}, 1) for each in batch for body in each.values()]
    elif operation in WRITES:
        requests = [(operation.removesuffix("Item"), params, 1)]
    for kind, body, factor in requests:
        if "Item" in body:
            cost.write_units += _write_units(body["Item"]) * factor
        elif kind == "ConditionCheck":
            cost.write_units += factor
        else:
            updated.append((body["TableName"], body["Key"], factor))


def _write_units(item: Mapping[str, Any]) -> int:
    return _units(item_bytes(item), WRITE_UNIT_BYTES)


def _units(size: int, unit: int) -> int:
    return max(1, ceil(size / unit))
