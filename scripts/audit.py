"""`make audit`: print the audit trail of a tenant, or of the whole deployment, the newest entries first.

With USER, only the entries of that user's actions, and those about the user. Each line is one entry as JSON. To see
older entries, give the `id` of the last line as AFTER.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

from scripts.arguments import Parser
from scripts.target import add_target, open_target

if TYPE_CHECKING:
    from assistant.context import Resources

# A screen or two. AFTER continues.
DEFAULT_ENTRIES = 100


async def show(resources: Resources, tenant: str | None, user: str | None, after: str | None, most: int) -> int:
    """Print entries. Return how many there were."""
    from assistant import audit

    printed, following = 0, after
    while True:
        found, following = await audit.page(resources, tenant, user_id=user, after=following, most=most - printed)
        for entry in found:
            print(json.dumps(entry, ensure_ascii=False))
        printed += len(found)
        if following is None:
            return printed
        if printed == most:
            print(f"There are more. AFTER={following} shows them.", file=sys.stderr)
            return printed


def main() -> int:
    """Print the trail. Return 1 if it is empty."""
    parser = Parser(description=__doc__)
    parser.add_argument("--tenant", default="")
    parser.add_argument("--user", default="")
    parser.add_argument("--after", default="", help="the id of the last entry seen")
    parser.add_argument("--most", type=int, default=DEFAULT_ENTRIES, help="the greatest number of entries")
    add_target(parser)
    arguments = parser.parse_args()
    resources = open_target(arguments)
    shown = show(
        resources, arguments.tenant or None, arguments.user or None, arguments.after or None, max(1, arguments.most)
    )
    if asyncio.run(shown):
        return 0
    print("There is no such entry.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
