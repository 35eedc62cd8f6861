"""`make limits`: show or change the limits of a tenant, or of one user, without a deployment.

Give LIMITS="turns_per_minute=5 spend_per_day=0.5". `none` means no limit. The given limits replace the whole record.
LIMITS=reset removes the record. Without LIMITS, the command shows the record. A tenant's record holds within a minute,
a user's at once.

The record is the operator's. An admin's record of the same tenant or user is shown too: of both, the stricter limit
holds.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from scripts.arguments import Parser, given
from scripts.target import add_target, open_target

if TYPE_CHECKING:
    from assistant.context import Resources

RESET = "reset"


def parsed(words: str) -> dict[str, Any]:
    """Return the limits in `name=value name=value`, unchecked."""
    values: dict[str, Any] = {}
    for word in words.replace(",", " ").split():
        name, _, text = word.partition("=")
        if text == "none":
            values[name] = None
        else:
            try:
                values[name] = float(text) if "." in text else int(text)
            except ValueError:
                raise SystemExit(f"{word!r} is not NAME=NUMBER or NAME=none.") from None
    return values


async def run(resources: Resources, tenant: str, user: str | None, words: str) -> dict[str, Any]:
    """Change the record if there is something to change, and return it."""
    from assistant import quotas
    from assistant.errors import InvalidRequestError

    if words:
        try:
            values = None if words == RESET else quotas.checked(parsed(words), of_tenant=user is None)
        except InvalidRequestError as error:
            raise SystemExit(error.message) from None
        await quotas.change_limits(resources, tenant, user, values)
    return await quotas.stored_limits(resources, tenant, user)


async def _both(
    resources: Resources, tenant: str, user: str | None, words: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Do what `run` does. Return the admin's record too."""
    from assistant import quotas

    record = await run(resources, tenant, user, words)
    return record, await quotas.stored_limits(resources, tenant, user, of_admin=True)


def _lines(record: dict[str, Any]) -> list[str]:
    return [f"{name}={'none' if value is None else value}" for name, value in sorted(record.items())]


def main() -> int:
    """Print the record."""
    parser = Parser(description=__doc__)
    parser.add_argument("--tenant", type=given, required=True)
    parser.add_argument("--user", default="")
    parser.add_argument("--limits", default="", help="name=value …, or reset")
    add_target(parser)
    arguments = parser.parse_args()
    resources = open_target(arguments)
    record, of_admin = asyncio.run(_both(resources, arguments.tenant, arguments.user or None, arguments.limits))
    for line in _lines(record) or ["There is no record: the settings hold."]:
        print(line)
    for line in _lines(of_admin):
        print(f"The admin's limit, if it is stricter: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
