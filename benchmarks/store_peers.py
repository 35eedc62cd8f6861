"""The stores that our store is compared with: typical first versions."""

from __future__ import annotations

import asyncio
from typing import Any

from chatkit.store import NotFoundError, Store
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from pydantic import TypeAdapter

_ITEM: TypeAdapter[ThreadItem] = TypeAdapter(ThreadItem)


class SampleStore(Store[Any]):
    """The in-memory store of the SDK's samples, with each call counted: in any database it is a round trip."""

    def __init__(self) -> None:
        self.threads: dict[str, ThreadMetadata] = {}
        self.items: dict[str, list[ThreadItem]] = {}
        self.attachments: dict[str, Attachment] = {}
        self.calls: list[str] = []

    async def load_thread(self, thread_id: str, context: Any) -> ThreadMetadata:
        self.calls.append("load_thread")
        if thread_id not in self.threads:
            raise NotFoundError(thread_id)
        return self.threads[thread_id].model_copy(deep=True)

    async def save_thread(self, thread: ThreadMetadata, context: Any) -> None:
        self.calls.append("save_thread")
        self.threads[thread.id] = thread.model_copy(deep=True)

    async def load_threads(self, limit: int, after: str | None, order: str, context: Any) -> Page[ThreadMetadata]:
        self.calls.append("load_threads")
        return _page(list(self.threads.values()), after, limit, order)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: Any
    ) -> Page[ThreadItem]:
        self.calls.append("load_thread_items")
        return _page(self.items.get(thread_id, []), after, limit, order)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: Any) -> None:
        self.calls.append("add_thread_item")
        self.items.setdefault(thread_id, []).append(item)

    async def save_item(self, thread_id: str, item: ThreadItem, context: Any) -> None:
        self.calls.append("save_item")
        items = self.items.setdefault(thread_id, [])
        self.items[thread_id] = [item if each.id == item.id else each for each in items]

    async def load_item(self, thread_id: str, item_id: str, context: Any) -> ThreadItem:
        self.calls.append("load_item")
        for item in self.items.get(thread_id, []):
            if item.id == item_id:
                return item
        raise NotFoundError(item_id)

    async def delete_thread(self, thread_id: str, context: Any) -> None:
        self.calls.append("delete_thread")
        self.threads.pop(thread_id, None)
        self.items.pop(thread_id, None)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: Any) -> None:
        self.calls.append("delete_thread_item")
        self.items[thread_id] = [each for each in self.items.get(thread_id, []) if each.id != item_id]

    async def save_attachment(self, attachment: Attachment, context: Any) -> None:
        self.calls.append("save_attachment")
        self.attachments[attachment.id] = attachment

    async def load_attachment(self, attachment_id: str, context: Any) -> Attachment:
        self.calls.append("load_attachment")
        return self.attachments[attachment_id]

    async def delete_attachment(self, attachment_id: str, context: Any) -> None:
        self.calls.append("delete_attachment")
        self.attachments.pop(attachment_id, None)


class NaiveStore(SampleStore):
    """The same on DynamoDB as it is first written: a partition a thread, read whole, and a list by Scan."""

    def __init__(self, client: Any, table_name: str) -> None:
        super().__init__()
        self._client = client
        self._table = table_name

    async def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await asyncio.to_thread(
            getattr(self._client, operation), TableName=self._table, **request
        )
        return answer

    async def load_thread(self, thread_id: str, context: Any) -> ThreadMetadata:
        found = await self._call("get_item", Key=_key(thread_id, "thread"))
        if "Item" not in found:
            raise NotFoundError(thread_id)
        return ThreadMetadata.model_validate_json(found["Item"]["body"]["S"])

    async def save_thread(self, thread: ThreadMetadata, context: Any) -> None:
        await self._call("put_item", Item=_key(thread.id, "thread") | {"body": {"S": thread.model_dump_json()}})

    async def load_threads(self, limit: int, after: str | None, order: str, context: Any) -> Page[ThreadMetadata]:
        rows: list[Any] = []
        start: dict[str, Any] = {}
        while True:
            page = await self._call("scan", **start)
            rows += page["Items"]
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        threads = [ThreadMetadata.model_validate_json(r["body"]["S"]) for r in rows if r["sk"]["S"] == "thread"]
        return _page(threads, after, limit, order)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: Any
    ) -> Page[ThreadItem]:
        rows: list[Any] = []
        start: dict[str, Any] = {}
        while True:
            page = await self._call(
                "query",
                KeyConditionExpression="pk = :pk AND begins_with(sk, :item)",
                ExpressionAttributeValues={":pk": {"S": f"naive#{thread_id}"}, ":item": {"S": "item#"}},
                **start,
            )
            rows += page["Items"]
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        return _page([_ITEM.validate_json(row["body"]["S"]) for row in rows], after, limit, order)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: Any) -> None:
        body = {"body": {"S": _ITEM.dump_json(item).decode()}}
        await self._call("put_item", Item=_key(thread_id, f"item#{item.id}") | body)

    async def save_item(self, thread_id: str, item: ThreadItem, context: Any) -> None:
        await self.add_thread_item(thread_id, item, context)

    async def load_item(self, thread_id: str, item_id: str, context: Any) -> ThreadItem:
        found = await self._call("get_item", Key=_key(thread_id, f"item#{item_id}"))
        if "Item" not in found:
            raise NotFoundError(item_id)
        return _ITEM.validate_json(found["Item"]["body"]["S"])


def _key(thread_id: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": f"naive#{thread_id}"}, "sk": {"S": sk}}


def _page(values: list[Any], after: str | None, limit: int, order: str) -> Page[Any]:
    values = sorted(values, key=lambda value: value.created_at.timestamp(), reverse=order == "desc")
    ids = [value.id for value in values]
    start = ids.index(after) + 1 if after in ids else 0
    shown = values[start : start + limit]
    more = len(values) > start + limit
    return Page(data=shown, has_more=more, after=shown[-1].id if more and shown else None)
