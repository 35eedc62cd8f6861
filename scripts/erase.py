"""`make erase`: removes everything that is stored of one user.

The erasure is written down first. If this is interrupted, the deployed sweep finishes it, and so does running it again.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from scripts.arguments import Parser
from scripts.target import add_target, add_user, open_target

if TYPE_CHECKING:
    from assistant.context import Resources
    from assistant.identity import Caller


async def erase(resources: Resources, user: Caller) -> None:
    """Remove a user's data, all of it."""
    from assistant.threads import row_key
    from assistant.upkeep import erase, request_erasure

    work = await request_erasure(resources, user)
    while not await erase(resources, work):
        pass
    await resources.table.delete(row_key(work))


def main() -> int:
    """Erase a user; 1 when that was not confirmed."""
    parser = Parser(description=__doc__)
    add_user(parser)
    add_target(parser)
    parser.add_argument("--confirm", default="", help="the user's id once more")
    arguments = parser.parse_args()
    if arguments.confirm != arguments.user:
        print(f"This cannot be undone. To go on, say CONFIRM={arguments.user}", file=sys.stderr)
        return 1
    resources = open_target(arguments)
    from assistant.identity import Caller

    asyncio.run(erase(resources, Caller(arguments.tenant, arguments.user)))
    print(f"Everything of {arguments.user} of {arguments.tenant} is gone.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
