"""The DynamoDB table: asynchronous calls with this project's time-outs, retries and errors.

The blocking client runs in its own threads, so no call blocks the event loop. One client serves the whole
process and is reused across invocations.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assistant.aws.client import MAX_CONCURRENT_CALLS, make_client, run_within, unavailable
from assistant.aws.failures import DYNAMODB, REASONS, Failure, refused, store_error
from assistant.aws.keys import Key
from assistant.aws.rowformat import dump, load
from assistant.aws.tracing import segment
from assistant.budgets import TABLE_CALL_SECONDS
from assistant.errors import StoreRefusedError
from assistant.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Row = dict[str, Any]

# DynamoDB's own limits on one call.
MAX_TRANSACTION_ROWS = 100
MAX_BATCH_WRITE_ROWS = 25
MAX_BATCH_GET_KEYS = 100
# Rounds for leftovers of a batch and for conflicts of a write; about 3 s with the backoff below.
MAX_ROUNDS = 7
FIRST_BACKOFF_SECONDS = 0.05


class ConditionFailedError(Exception):
    """A condition on a row did not hold.

    Attributes:
        index: The position of the write in its transaction; 0 for a single write.
        row: The current row; None if it does not exist.
        others: The other failed conditions of the transaction: positions and rows.
    """

    def __init__(self, index: int = 0, row: Row | None = None, others: Sequence[tuple[int, Row | None]] = ()) -> None:
        super().__init__(f"condition failed on row {index}")
        self.index = index
        self.row = row
        self.others = list(others)


@dataclass(frozen=True)
class Write:
    """One write of a transaction.

    `update` and `condition` are DynamoDB expressions, with `names` (`#x`) and `values` (`:x`). A write without `put`,
    `update` and `delete` only checks its condition.
    """

    key: Key
    put: Mapping[str, Any] | None = None
    update: str | None = None
    delete: bool = False
    condition: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


async def pause(round_number: int) -> None:
    """Wait before the next round: exponential backoff with full jitter."""
    await asyncio.sleep(random.uniform(0, FIRST_BACKOFF_SECONDS * 2**round_number))  # noqa: S311 - jitter, no secret


class Table:
    """The table's operations, on rows of plain Python values.

    Numbers come back as `int` or `float`, binary values as `bytes`.

    Raises (each method):
        StoreUnavailableError: DynamoDB cannot be reached in time, throttles us after all attempts, or denies access.
        StoreRefusedError: DynamoDB rejects the request as invalid.
    """

    def __init__(
        self, settings: Settings, client: DynamoDBClient | None = None, *, beside: Table | None = None, name: str = ""
    ) -> None:
        """Prepare the main table, or another one with the client of the table `beside`."""
        self.name = name if beside is not None else settings.table_name
        self._client = client
        self._beside = beside
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(MAX_CONCURRENT_CALLS, thread_name_prefix="dynamodb")

    @property
    def client(self) -> DynamoDBClient:
        """The client. It is made on first use, so no SnapStart snapshot contains one."""
        with self._lock:
            if self._client is None and self._beside is not None:
                self._client = self._beside.client
            if self._client is None:
                self._client = make_client("dynamodb")
            return self._client

    async def _call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call. If it meets a transaction, repeat it, up to `MAX_ROUNDS` times and within the budget."""
        loop = asyncio.get_running_loop()
        end = loop.time() + TABLE_CALL_SECONDS
        for round_number in range(MAX_ROUNDS):
            try:
                return await self._send(operation, request, end - loop.time())
            except _WriteConflictError:
                await pause(round_number)
        raise unavailable()

    async def _send(self, operation: str, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Make a call in a thread of the pool. The client is made there too; its imports do not count as the call."""

        def call() -> dict[str, Any]:
            answer: dict[str, Any] = getattr(self.client, operation)(**request)
            return answer

        name = operation.title().replace("_", "")
        refusals = (ConditionFailedError, _WriteConflictError)
        with segment("DynamoDB", "aws", refusals, operation=name, table_name=self.name):
            try:
                if self._client is None:
                    await asyncio.get_running_loop().run_in_executor(self._threads, lambda: self.client)
                return await run_within(seconds, self._threads, call)
            except Exception as error:
                known = _translated(name, error)
                if known is None:
                    raise
                raise known from error

    async def get(self, key: Key) -> Row | None:
        """Return the row with that key, or None, by a strongly consistent read."""
        request = {"TableName": self.name, "Key": dump(key._asdict()), "ConsistentRead": True}
        item = (await self._call("get_item", request)).get("Item")
        return load(item) if item else None

    async def get_many(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Return the rows that exist among these keys, by a strongly consistent read."""
        found: dict[Key, Row] = {}
        waiting = [dump(key._asdict()) for key in dict.fromkeys(keys)]
        for round_number in range(MAX_ROUNDS):
            while waiting:
                chunk, waiting = waiting[:MAX_BATCH_GET_KEYS], waiting[MAX_BATCH_GET_KEYS:]
                request = {self.name: {"Keys": chunk, "ConsistentRead": True}}
                answer = await self._call("batch_get_item", {"RequestItems": request})
                for item in answer["Responses"].get(self.name, []):
                    row = load(item)
                    found[Key(row["pk"], row["sk"])] = row
                left = answer.get("UnprocessedKeys", {}).get(self.name)
                if left:
                    waiting = [*left["Keys"], *waiting]
                    break
            if not waiting:
                return found
            await pause(round_number)
        raise unavailable()

    async def query(
        self,
        pk: str,
        *,
        after: str | None = None,
        between: tuple[str, str],
        descending: bool = False,
        limit: int,
        keys_only: bool = False,
    ) -> tuple[list[Row], bool]:
        """Return rows of a partition in the order of their sort keys, by one strongly consistent Query.

        Args:
            pk: The partition.
            after: A sort key after which to begin, in the direction of reading; no row needs to have it.
            between: The first and the last sort key, both inclusive.
            descending: Whether to read backwards.
            limit: The greatest number of rows.
            keys_only: Whether to return only the keys of the rows.

        Returns:
            The rows, and whether more follow. DynamoDB ends a page at 1 MB, so there can be fewer than `limit` rows
            although more follow.
        """
        low, high = between
        if after is not None:
            low, high = (low, min(high, after)) if descending else (max(low, after), high)
        if low > high:
            return [], False
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": dump({":pk": pk, ":low": low, ":high": high}),
            "ScanIndexForward": not descending,
            # The row at `after` may come too. It is removed below.
            "Limit": limit + (after is not None),
            "ConsistentRead": True,
            **({"ProjectionExpression": "pk, sk"} if keys_only else {}),
        }
        answer = await self._call("query", request)
        rows = [load(item) for item in answer["Items"]]
        more = "LastEvaluatedKey" in answer
        if after is not None and rows and rows[0]["sk"] == after:
            rows = rows[1:]
        if len(rows) > limit:
            return rows[:limit], True
        return rows, more

    async def rows(
        self, pk: str, *, after: str | None = None, between: tuple[str, str], page: int
    ) -> AsyncGenerator[Row, None]:
        """Yield all rows of a partition between two sort keys, in their order.

        Args:
            pk: The partition.
            after: A sort key after which to begin; no row needs to have it.
            between: The first and the last sort key, both inclusive.
            page: How many rows one Query reads. The next Query starts when the caller has taken all of them.
        """
        more = True
        while more:
            found, more = await self.query(pk, after=after, between=between, limit=page)
            for row in found:
                yield row
            after = found[-1]["sk"] if found else after

    async def put(self, key: Key, row: Mapping[str, Any], *, condition: str | None = None, **values: Any) -> None:
        """Write a whole row.

        Raises:
            ConditionFailedError: the condition does not hold. The error has the current row.
        """
        request = _conditioned(condition, {}, {f":{name}": value for name, value in values.items()})
        item = dump({**row, **key._asdict()})
        await self._call("put_item", {"TableName": self.name, "Item": item, **request})

    async def update(
        self,
        key: Key,
        update: str,
        *,
        condition: str | None = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Row:
        """Change a row by an update expression and return the new row.

        Raises:
            ConditionFailedError: the condition does not hold. The error has the current row.
        """
        request = {
            "TableName": self.name,
            "Key": dump(key._asdict()),
            "UpdateExpression": update,
            "ReturnValues": "ALL_NEW",
            **_conditioned(condition, names or {}, values or {}),
        }
        return load((await self._call("update_item", request))["Attributes"])

    async def delete(self, key: Key) -> None:
        """Remove a row. A row that does not exist is no error."""
        await self._call("delete_item", {"TableName": self.name, "Key": dump(key._asdict())})

    async def search(self, index: str, pk: str, vector: Sequence[float], most: int) -> list[tuple[Row, float]]:
        """Return the rows of a partition whose vectors are nearest, and their distances, the nearest first.

        The rows have the attributes that the index projects. The index follows the table after a moment.

        Raises:
            StoreUnavailableError: the index is not ready yet, or the table has no such index.
        """
        request = {
            "TableName": self.name,
            "IndexName": index,
            "SearchVector": [{"N": repr(number)} for number in vector],
            "SearchConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": dump({":pk": pk}),
            "TopK": most,
        }
        try:
            answer = await self._call("search_vectors", request)
        except StoreRefusedError as error:
            # DynamoDB answers so for a moment after the index has become active.
            raise unavailable() from error
        return [(load(each["Item"]), float(each["Score"])) for each in answer.get("SearchResults", [])]

    async def put_many(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write whole rows in batches, without conditions. Repeat what DynamoDB leaves over."""
        await self._write_batches([{"PutRequest": {"Item": dump(row)}} for row in rows])

    async def delete_many(self, keys: Sequence[Key]) -> None:
        """Remove rows in batches. Repeat what DynamoDB leaves over."""
        await self._write_batches([{"DeleteRequest": {"Key": dump(key._asdict())}} for key in dict.fromkeys(keys)])

    async def _write_batches(self, waiting: list[Any]) -> None:
        round_number = 0
        while waiting:
            chunk, waiting = waiting[:MAX_BATCH_WRITE_ROWS], waiting[MAX_BATCH_WRITE_ROWS:]
            answer = await self._call("batch_write_item", {"RequestItems": {self.name: chunk}})
            left = answer.get("UnprocessedItems", {}).get(self.name, [])
            if left:
                round_number += 1
                if round_number > MAX_ROUNDS:
                    raise unavailable()
                await pause(round_number)
                waiting = [*left, *waiting]
            else:
                round_number = 0

    async def transact(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none, in one round trip.

        Raises:
            ConditionFailedError: a condition does not hold. The error has the first such write's index and row.
        """
        await self._call(
            "transact_write_items", {"TransactItems": [_transact_item(self.name, each) for each in writes]}
        )


class _WriteConflictError(Exception):
    """A write met a transaction, or a transaction was throttled. Nothing was applied."""


def _translated(operation: str, error: Exception) -> Exception | None:
    """Return this project's error for one of botocore's, or None for any other error."""
    from botocore.exceptions import ClientError

    response: Any = error.response if isinstance(error, ClientError) else {}
    code = response.get("Error", {}).get("Code")
    if code == "TransactionCanceledException":
        reasons = response.get("CancellationReasons", [])
        outcomes = [REASONS.get(reason.get("Code")) for reason in reasons]
        # A failed condition is final, whatever the other reasons are.
        failed = [
            (index, _load_old(reasons[index])) for index, each in enumerate(outcomes) if each is Failure.CONDITION
        ]
        if failed:
            return ConditionFailedError(*failed[0], others=failed[1:])
        if Failure.REFUSED in outcomes:
            return refused("DynamoDB", operation, reasons[outcomes.index(Failure.REFUSED)]["Code"])
        return _WriteConflictError() if Failure.CONFLICT in outcomes else unavailable()
    match DYNAMODB.get(code):
        case Failure.CONDITION:
            return ConditionFailedError(row=_load_old(response))
        case Failure.CONFLICT:
            return _WriteConflictError()
    return store_error("DynamoDB", operation, error, DYNAMODB)


def _load_old(failed: Mapping[str, Any]) -> Row | None:
    old = failed.get("Item")
    return load(old) if old else None


def _conditioned(condition: str | None, names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {}
    if condition is not None:
        request["ConditionExpression"] = condition
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if names:
        request["ExpressionAttributeNames"] = dict(names)
    if values:
        request["ExpressionAttributeValues"] = dump(values)
    return request


def _transact_item(table: str, write: Write) -> dict[str, Any]:
    body: dict[str, Any] = {"TableName": table, **_conditioned(write.condition, write.names, write.values)}
    key = dump(write.key._asdict())
    if write.put is not None:
        return {"Put": body | {"Item": dump({**write.put, **write.key._asdict()})}}
    if write.update is not None:
        return {"Update": body | {"Key": key, "UpdateExpression": write.update}}
    if write.delete:
        return {"Delete": body | {"Key": key}}
    return {"ConditionCheck": body | {"Key": key}}
