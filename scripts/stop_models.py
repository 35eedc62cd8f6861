"""`make stop-models` and `make start-models`: stop all paid calls within a minute, or allow them again."""

from __future__ import annotations

import asyncio
import sys

from scripts.arguments import Parser
from scripts.target import add_target, open_target


def main() -> int:
    """Write the record."""
    parser = Parser(description=__doc__)
    parser.add_argument("--start", action="store_true", help="allow paid calls again")
    parser.add_argument("--reason", default="", help="for the record only")
    add_target(parser)
    arguments = parser.parse_args()
    resources = open_target(arguments)
    from assistant.quotas import stop_models

    asyncio.run(stop_models(resources, stopped=not arguments.start, reason=arguments.reason))
    print(f"Within a minute, all paid calls are {'allowed' if arguments.start else 'stopped'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
