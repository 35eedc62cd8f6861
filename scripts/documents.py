"""`make documents`, `make add-document`, `make remove-document`: the documents of a tenant, a group or a user.

With STACK, the deployment starts to read a new document at once. Without it, the variables KNOWLEDGE and
KNOWLEDGE_TABLE_NAME are needed beside TABLE_NAME and BUCKET_NAME. The document is then read within five minutes, by the
sweep's next run, or at once with INGEST_FUNCTION.
"""

from __future__ import annotations

import argparse
import asyncio
import mimetypes
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.arguments import Parser, given
from scripts.target import add_target, open_target

if TYPE_CHECKING:
    from assistant.aws.keys import Space
    from assistant.context import RequestContext
    from assistant.knowledge import Document

# The user to whom the embeddings of a tenant's documents are counted.
PAYER = "operator"


async def listed(context: RequestContext, space: Space) -> AsyncIterator[Document]:
    """Yield all documents of a space."""
    from assistant import knowledge

    after: str | None = None
    while True:
        found, after = await knowledge.page(context, space, after)
        for each in found:
            yield each
        if after is None:
            return


async def add(context: RequestContext, space: Space, file: Path, document_id: str | None, days: int | None) -> Document:
    """Store a file and let the deployment read it."""
    from assistant import knowledge

    body = await asyncio.to_thread(file.read_bytes)
    media_type = mimetypes.guess_type(file.name)[0] or ""
    document, _ = await knowledge.announce(
        context, space, name=file.name, mime_type=media_type, size=len(body), document_id=document_id, days=days
    )
    row = await knowledge.load(context, space, document.id)
    await context.resources.objects.put(row["new_original"], body, row["new_type"])
    return await knowledge.complete(context, space, document.id, by_operator=True)


async def run(context: RequestContext, space: Space, arguments: argparse.Namespace) -> None:
    """Do what the arguments say, and print it."""
    from assistant import knowledge

    if named := arguments.remove or arguments.document:
        space = await knowledge.space_of_document(context, space, named)
    if arguments.remove is not None:
        await knowledge.remove(context, space, arguments.remove, by_operator=True)
        print(f"{arguments.remove} is removed.")
    elif arguments.file is not None:
        days = knowledge.checked_days(arguments.days)
        added = await add(context, space, Path(arguments.file), arguments.document or None, days)
        print(f"{added.id}  {added.name}  {added.state}")
    else:
        async for each in listed(context, space):
            progress = f"{each.done}/{each.total}" if each.total else ""
            print("  ".join(filter(None, [each.id, each.name, each.state, progress, each.reason, each.group])))


def main() -> int:
    """List, add or remove documents. Return 1 if that is refused."""
    parser = Parser(description=__doc__)
    parser.add_argument("--tenant", type=given, required=True)
    parser.add_argument("--user", default="", help="the user whose own documents these are")
    parser.add_argument("--group", default="", help="the group of the tenant that finds them")
    parser.add_argument("--file", type=given, help="the file to add")
    parser.add_argument("--document", default="", help="the document that gets a new version")
    parser.add_argument("--days", type=int, help="after how many days the document is removed")
    parser.add_argument("--remove", type=given, help="the document to remove")
    add_target(parser)
    arguments = parser.parse_args()
    resources = open_target(arguments)
    from assistant.aws.keys import Space
    from assistant.context import RequestContext
    from assistant.errors import AssistantError
    from assistant.identity import Caller

    if not resources.settings.knowledge.on:
        print("This deployment has no knowledge: set the parameter Knowledge (KNOWLEDGE).", file=sys.stderr)
        return 1
    user = arguments.user or None
    space = Space(arguments.tenant, user, group=None if user else arguments.group or None)
    try:
        asyncio.run(run(RequestContext(Caller(arguments.tenant, user or PAYER), resources), space, arguments))
    except AssistantError as error:
        print(error.message, file=sys.stderr)
        return 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
