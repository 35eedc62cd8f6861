"""`make import`: store threads of another backend for one user.

FILE is a file with a JSON line for each thread, or a folder of `make export`. A thread that is here already is skipped,
so an interrupted import continues when it is run again. docs/import.md describes the forms.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.arguments import Parser, given
from scripts.target import add_target, add_user, open_target

if TYPE_CHECKING:
    from assistant.context import Resources
    from assistant.identity import Caller
    from scripts.importing.source import Source

# How often the command prints its progress.
PROGRESS_SECONDS = 5.0


async def import_all(resources: Resources, user: Caller, source: Source) -> dict[str, int]:
    """Import all threads of a source, and print notes, refused threads and the progress. Return the counts."""
    from assistant import audit
    from scripts.importing.document import BadThreadError, read_document
    from scripts.importing.store import import_thread

    note = audit.entry(resources, "data.imported", by=None, tenant_id=user.tenant_id, about=user.user_id)
    # First, so that an interrupted import has its entry too.
    await audit.record(resources, note)
    counted = {"imported": 0, "present": 0, "refused": 0, "files": 0}
    shown = time.monotonic()
    for place, text in source.documents():
        try:
            done = await import_thread(resources, user, read_document(text), source)
        except BadThreadError as error:
            counted["refused"] += 1
            _say(f"{place}: refused: {error}")
        else:
            counted["imported" if done.new else "present"] += 1
            counted["files"] += done.files
            for each in done.notes:
                _say(f"{place}: {each}")
        if time.monotonic() - shown > PROGRESS_SECONDS:
            shown = time.monotonic()
            _say(f"{place}: {_summary(counted)} ...")
    return counted


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _summary(counted: dict[str, int]) -> str:
    return (
        f"{counted['imported']} threads imported with {counted['files']} files, "
        f"{counted['present']} were here already, {counted['refused']} refused"
    )


def main() -> int:
    """Import threads. Return 1 if a thread was refused or if there is none."""
    parser = Parser(description=__doc__)
    parser.add_argument("--file", type=given, required=True, help="a file of JSON lines, or a folder of make export")
    add_user(parser)
    parser.add_argument("--files", default="", help="the folder of the attached files, each named by its id")
    add_target(parser)
    arguments = parser.parse_args()
    path = Path(arguments.file)
    if not path.exists():
        print(f"There is no {path}.", file=sys.stderr)
        return 1
    resources = open_target(arguments)
    from assistant.identity import Caller
    from scripts.importing.source import Source

    source = Source.at(path, Path(arguments.files) if arguments.files else None)
    counted = asyncio.run(import_all(resources, Caller(arguments.tenant, arguments.user), source))
    print(_summary(counted))
    if not counted["imported"] + counted["present"] + counted["refused"]:
        print(f"{path} has no thread.", file=sys.stderr)
        return 1
    return 1 if counted["refused"] else 0


if __name__ == "__main__":
    sys.exit(main())
