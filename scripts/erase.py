"""`make erase`: remove all stored data of one user.

The command first writes work for the sweep. If the command is interrupted, the deployed sweep finishes the erasure.
A second run of the command also finishes it. The sweep does the same once more, after 20 minutes: a tool of a turn that
was running may have written in between. Until then, the user's messages are refused.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from scripts.arguments import Parser
from scripts.target import add_target, add_user, open_target

if TYPE_CHECKING:
    from assistant.context import Resources
    from assistant.identity import Caller

# How often the command prints its progress.
PROGRESS_SECONDS = 5.0


def one_user(text: str) -> str:
    """Return the user's id.

    Raises:
        argparse.ArgumentTypeError: it is empty.
    """
    if not text:
        raise argparse.ArgumentTypeError("it has to be given. `make erase-tenant` erases all users of a tenant")
    return text


def _timer() -> Callable[[], bool]:
    end = time.monotonic() + PROGRESS_SECONDS
    return lambda: time.monotonic() > end


async def erase(resources: Resources, user: Caller) -> None:
    """Remove all data of a user, and print the progress."""
    from assistant import quotas
    from assistant.threads import row_key
    from assistant.upkeep import erase, request_erasure

    work = await request_erasure(resources, user)
    while True:
        time_is_up = _timer()
        if await erase(resources, work, time_is_up=time_is_up):
            break
        mark = await quotas.marked(resources, user)
        print(f"{mark['removed'] if mark else 0} threads are removed ...", file=sys.stderr)
    await resources.table.delete(row_key(work))


def main() -> int:
    """Erase a user. Return 1 if the erasure was not confirmed."""
    parser = Parser(description=__doc__)
    add_user(parser, one_user)
    add_target(parser)
    parser.add_argument("--confirm", default="", help="the user's id once more")
    arguments = parser.parse_args()
    if arguments.confirm != arguments.user:
        print(f"An erasure cannot be undone. To confirm it, add CONFIRM={arguments.user}", file=sys.stderr)
        return 1
    resources = open_target(arguments)
    from assistant.identity import Caller

    asyncio.run(erase(resources, Caller(arguments.tenant, arguments.user)))
    print(f"All data of user {arguments.user} of tenant {arguments.tenant} is removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
