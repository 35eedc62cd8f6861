"""`make export`: write all stored data of one user into a folder: threads, attachments, documents, the rest.

An interrupted export continues: files that are in the folder are not fetched again. For a fresh copy, use a new folder.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from scripts.arguments import Parser, given
from scripts.target import add_target, add_user, open_target

if TYPE_CHECKING:
    from assistant.context import Resources
    from assistant.identity import Caller


async def export(resources: Resources, user: Caller, folder: Path) -> dict[str, int]:
    """Write a user's data. Return how many threads and files exist, and how many were fetched now."""
    from assistant import audit
    from assistant.files import object_key
    from assistant.upkeep import (
        account_data,
        document_original,
        document_rows,
        file_ids,
        thread_data,
        thread_ids,
    )

    note = audit.entry(resources, "data.exported", by=None, tenant_id=user.tenant_id, about=user.user_id)
    # First, so that an interrupted export has its entry too.
    await audit.record(resources, note)
    counted = {"threads": 0, "files": 0, "fetched": 0}
    # The objects of the files, by their names in the folder.
    originals = {f"files/{quote(each, safe='')}": object_key(user, each) for each in await file_ids(resources, user)}
    documents = await document_rows(resources, user)
    for thread_id in await thread_ids(resources, user):
        counted["threads"] += 1
        documents += await document_rows(resources, user, thread_id)
        path = folder / "threads" / f"{quote(thread_id, safe='')}.json"
        if not path.exists():
            _write(path, _json(await thread_data(resources, user, thread_id)))
            counted["fetched"] += 1
    originals |= {f"documents/{quote(row['id'], safe='')}": document_original(row) for row in documents}
    for name, key in originals.items():
        path = folder / name
        if path.exists():
            counted["files"] += 1
            continue
        try:
            body = await resources.objects.get(key)
        except KeyError:
            continue  # The file was registered and never uploaded.
        _write(path, body)
        counted["files"] += 1
        counted["fetched"] += 1
    # Fetch usage and records each time: they change, and they are small.
    _write(folder / "account.json", _json(await account_data(resources, user)))
    return counted


def _json(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=1, default=str).encode()


def _write(path: Path, body: bytes) -> None:
    """Write a file under another name and rename it, so that a file in the folder is always complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(body)
    draft.replace(path)


def main() -> int:
    """Export a user. Return 1 if nothing is stored of them."""
    parser = Parser(description=__doc__)
    add_user(parser)
    add_target(parser)
    parser.add_argument("--out", type=given, required=True, help="the folder")
    arguments = parser.parse_args()
    resources = open_target(arguments)
    from assistant.identity import Caller

    user, folder = Caller(arguments.tenant, arguments.user), Path(arguments.out)
    counted = asyncio.run(export(resources, user, folder))
    print(f"{counted['threads']} threads and {counted['files']} files, {counted['fetched']} of them fetched now")
    account = json.loads((folder / "account.json").read_text())
    if counted["threads"] or counted["files"] or account["account"] or account["records"]:
        return 0
    print(f"No data is stored for user {user.user_id} of tenant {user.tenant_id}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
