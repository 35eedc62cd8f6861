"""Write the golden table of this release: `python -m tests.golden.write 0.3.0`.

Run this once for each release, when the release is made. The file shows the rows in users' tables of that release.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import sys
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, patch

from chatkit.types import Thread, ThreadsCreateReq
from moto import mock_aws

from assistant import files, turns
from assistant.context import RequestContext, Resources
from assistant.operations import feedback, reads
from assistant.operations.answers import serialized
from assistant.threads import deletion as deletion_module
from assistant.threads import rows as rows_module
from assistant.threads.store import ThreadStore
from tests.support.conversations import answered, new_thread, one_of_each_kind, said
from tests.support.files import PNG
from tests.support.store import make_moto_bucket, make_moto_table, request_of, resources_on

FOLDER = Path(__file__).parent
# Nothing that a test could mistake for its own.
TABLE = "golden"
USER = "golden user"
TENANT = "golden#tenant"
# The rows must not expire while tests read them.
LONGEST_DAYS = "99999"


def to_json(value: Any) -> Any:
    """Return an attribute's value with its bytes as text."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: to_json(inner) for name, inner in value.items()}
    return [to_json(inner) for inner in value] if isinstance(value, list) else value


def from_json(value: Any) -> Any:
    """Reverse `to_json`."""
    if isinstance(value, dict):
        if set(value) == {"base64"}:
            return base64.b64decode(value["base64"])
        return {name: from_json(inner) for name, inner in value.items()}
    return [from_json(inner) for inner in value] if isinstance(value, list) else value


def seen(thread: Thread) -> Any:
    """Return a thread as its user sees it, without URLs, whose signatures always differ."""
    shown = json.loads(serialized(thread))
    for item in shown["items"]["data"]:
        for attachment in item.get("attachments", []):
            attachment.pop("preview_url", None)
    return shown


async def converse(resources: Resources) -> dict[str, Any]:
    """Write every kind of row, and return the threads as their user sees them."""

    def request() -> RequestContext:
        return request_of(resources, USER, TENANT)

    store = ThreadStore(resources)
    every_kind, foreign = new_thread(title="Every kind ü😀", metadata={"a": [1, None, 1.5]}), new_thread("foreign#1")
    sizes, deleted = new_thread(title="Sizes"), new_thread(title="Deleted")
    for thread in (every_kind, foreign, sizes, deleted):
        await store.save_thread(thread, request())
    items = one_of_each_kind(every_kind.id)
    for item in items:
        await store.add_thread_item(every_kind.id, item, request())
    await feedback.save(every_kind.id, [items[1].id], "positive", request())
    for item_id in ("__fake_id__", "msg1", "gone"):
        await store.add_thread_item(foreign.id, said(foreign.id, item_id, item_id), request())
    await store.delete_thread_item(foreign.id, "gone", request())
    noise = random.Random(7).randbytes(4_000).hex()  # noqa: S311 - reproducible, no secret
    for text in ("", "compressed " * 1_000, noise):
        await store.add_thread_item(sizes.id, answered(sizes.id, text), request())
    caller = request().caller
    file = await files.upload(
        resources, caller, BytesIO(PNG), name="pixel.png", declared_type="image/png", size=len(PNG)
    )
    message = {"content": [{"type": "input_text", "text": "Hi"}], "attachments": [file.id], "inference_options": {}}
    create = ThreadsCreateReq.model_validate({"type": "threads.create", "params": {"input": message}})
    turn = await turns.start(create, request(), idempotency_key="once", frame_id=None)
    await turn.wait()
    # The state after a process was killed during a deletion.
    await store.add_thread_item(deleted.id, said(deleted.id), request())
    with patch.object(deletion_module, "purge_thread", AsyncMock()):
        await store.delete_thread(deleted.id, request())
    kept = (every_kind.id, foreign.id, sizes.id, turn.thread_id)
    return {
        "threads": [seen(await reads.get_thread(each, request())) for each in kept],
        "hidden": [item.model_dump(mode="json") for item in items if "hidden" in item.type],
        "deleted": deleted.id,
        "attachment": file.id,
        "turn": {"thread_id": turn.thread_id, "turn_id": turn.turn_id},
    }


def write(version: str, folder: Path = FOLDER) -> Path:
    """Write the golden table of a release into a folder, and return its file."""
    # Lower the limit, so that a small object is enough.
    with mock_aws(), patch.object(rows_module, "MAX_INLINE_BYTES", 3_000):
        make_moto_table(TABLE)
        make_moto_bucket(TABLE)
        resources = resources_on(None, TABLE, TABLE, RETENTION_DAYS=LONGEST_DAYS)
        expected = asyncio.run(converse(resources))
        rows = resources.table.client.scan(TableName=TABLE)["Items"]
        bucket = resources.objects.client
        objects = {
            entry["Key"]: bucket.get_object(Bucket=TABLE, Key=entry["Key"])["Body"].read()
            for entry in bucket.list_objects_v2(Bucket=TABLE).get("Contents", [])
        }
    rows.sort(key=lambda row: (row["pk"]["S"], row["sk"]["S"]))
    golden = {"version": version, "expected": expected, "rows": to_json(rows), "objects": to_json(objects)}
    path = folder / f"{version}.json"
    path.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
    return path


if __name__ == "__main__":
    print(write(sys.argv[1]))
