"""`make erase-tenant`: remove all stored data of a tenant and of its users.

The command scans the table for the tenant's users, because data of earlier releases has no list of them. Then it writes
work for the sweep and does the work. If the command is interrupted, the deployed sweep finishes the erasure. The sweep
does the same once more, after 20 minutes. Until then, messages of the tenant's users are refused.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from scripts.arguments import Parser, given
from scripts.target import add_target, open_target

if TYPE_CHECKING:
    from assistant.context import Resources

PROGRESS_SECONDS = 5.0


def stored_users(resources: Resources, tenant: str) -> Iterator[str]:
    """Yield the ids of a tenant's users with stored data, each once."""
    from assistant.aws import keys

    wanted = keys.checked_component(tenant, "tenant")
    seen = set()
    pages = resources.table.client.get_paginator("scan").paginate(
        TableName=resources.table.name, ProjectionExpression="pk"
    )
    for page in pages:
        for row in page["Items"]:
            kind, *parts = row["pk"]["S"].split("#")
            if kind in {"USER", "THREAD", "APP"} and len(parts) > 1 and parts[0] == wanted and parts[1] not in seen:
                seen.add(parts[1])
                yield unquote(parts[1])


def _timer() -> Callable[[], bool]:
    end = time.monotonic() + PROGRESS_SECONDS
    return lambda: time.monotonic() > end


async def erase(resources: Resources, tenant: str) -> int:
    """Remove all data of a tenant, and print the progress. Return how many users it had."""
    from assistant.threads import row_key
    from assistant.upkeep import erase_tenant, note_member, request_tenant_erasure, tenant_erasure

    work = await request_tenant_erasure(resources, tenant)
    users = 0
    for user_id in stored_users(resources, tenant):
        await note_member(resources, tenant, user_id)
        users += 1
    while True:
        time_is_up = _timer()
        if await erase_tenant(resources, work, time_is_up=time_is_up):
            break
        progress = await tenant_erasure(resources, tenant)
        if progress is not None:
            print(
                f"{progress['removed_users']} users are removed, {progress['left_users']} are left ...", file=sys.stderr
            )
    await resources.table.delete(row_key(work))
    return users


def main() -> int:
    """Erase a tenant. Return 1 if the erasure was not confirmed."""
    parser = Parser(description=__doc__)
    parser.add_argument("--tenant", type=given, required=True)
    add_target(parser)
    parser.add_argument("--confirm", default="", help="the tenant's id once more")
    arguments = parser.parse_args()
    if arguments.confirm != arguments.tenant:
        print(f"An erasure cannot be undone. To confirm it, add CONFIRM={arguments.tenant}", file=sys.stderr)
        return 1
    users = asyncio.run(erase(open_target(arguments), arguments.tenant))
    print(f"All data of tenant {arguments.tenant} with {users} users is removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
