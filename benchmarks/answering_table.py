"""DynamoDB as a model, for many turns at once: the local AWS needs more CPU for their calls than what is measured.

It checks no condition and expires nothing.
"""

from __future__ import annotations

import json
from typing import Any

# The time of a call to DynamoDB.
CALL_SECONDS = 0.01


class AnsweringTable:
    """The rows that have been put, by partition."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}

    def answer(self, operation: str, body: bytes) -> bytes:
        """Return the answer to a call, such as `GetItem`."""
        return json.dumps(self._content(operation, json.loads(body))).encode()

    def _content(self, operation: str, body: Any) -> dict[str, Any]:
        match operation:
            case "TransactWriteItems":
                for write in body["TransactItems"]:
                    if "Put" in write:
                        self._put(write["Put"]["Item"])
                return {}
            case "PutItem":
                self._put(body["Item"])
                return {}
            case "GetItem":
                row = self._row(body["Key"])
                return {} if row is None else {"Item": row}
            case "UpdateItem":
                return {"Attributes": self._row(body["Key"])}
            case "BatchGetItem":
                asked = body["RequestItems"].items()
                found = {name: [self._row(key) for key in each["Keys"]] for name, each in asked}
                return {"Responses": {name: [row for row in rows if row] for name, rows in found.items()}}
            case "Query":
                # The items of a new thread in the stock server's store: the message that was just put.
                pk, start = (body["ExpressionAttributeValues"][name]["S"] for name in (":pk", ":item"))
                return {"Items": [row for sk, row in self._rows.get(pk, {}).items() if sk.startswith(start)]}
            case other:
                raise AssertionError(other)

    def _put(self, item: Any) -> None:
        self._rows.setdefault(item["pk"]["S"], {})[item["sk"]["S"]] = item

    def _row(self, key: Any) -> Any:
        return self._rows.get(key["pk"]["S"], {}).get(key["sk"]["S"])
