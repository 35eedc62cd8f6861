"""Remove documents, old generations of their passages, and whole spaces. Each removal can be repeated."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from assistant import clock
from assistant.audit import Entry
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.errors import AssistantError
from assistant.knowledge.rows import SCHEMA_VERSION, space_fields, space_of
from assistant.passages import passage_store

logger = logging.getLogger(__name__)

REST_KIND = "document_rest"


def rest_work(space: Space, document_id: str, *, generations: Sequence[str] | None, objects: Sequence[str]) -> Write:
    """Return work of the sweep that removes passages and objects that no document's row names any more.

    Args:
        space: The document's space.
        document_id: The document.
        generations: The generations of its passages; None for all, of a document that is gone.
        objects: Objects in the bucket.
    """
    place = "/".join([*space.document(document_id), *(generations or ()), *objects])
    row = {
        "kind": REST_KIND,
        "schema_version": SCHEMA_VERSION,
        "document_id": document_id,
        "generations": None if generations is None else list(generations),
        "objects": list(objects),
        **space_fields(space),
    }
    return Write(keys.sweep_key(clock.now(), place, REST_KIND), put=row)


async def remove_rest(resources: Resources, work: Row) -> None:
    """Do the work of `rest_work`. The caller removes its row."""
    space, generations = space_of(work), work.get("generations")
    if resources.settings.knowledge.on and generations != []:
        await passage_store(resources).remove(space, work["document_id"], generations)
    await resources.objects.delete_many(work["objects"])


async def do_rest(resources: Resources, write: Write) -> None:
    """Do stored work now. If that fails, the sweep does it."""
    try:
        await remove_rest(resources, dict(write.put or {}))
        await resources.table.delete(write.key)
    except AssistantError as error:
        logger.warning("a document's passages are removed later: %s", error.code)


def objects_of(row: Row) -> list[str]:
    """Return the objects of a document."""
    return list(dict.fromkeys(row[name] for name in ("original", "new_original") if name in row))


async def remove_document(resources: Resources, space: Space, row: Row, note: Entry | None = None) -> None:
    """Remove a document's row, and then its passages and its original."""
    rest = rest_work(space, row["id"], generations=None, objects=objects_of(row))
    writes = [Write(space.document(row["id"]), delete=True, condition="attribute_exists(pk)"), rest]
    try:
        await resources.table.transact([*writes, *([] if note is None else [note.write])])
    except ConditionFailedError:
        return  # Another request has just removed it.
    if note is not None:
        note.log()
    await do_rest(resources, rest)


async def forget_unfinished(resources: Resources, work: Row) -> None:
    """Forget an upload that was never completed, or whose content is refused. A searchable version stays."""
    space, document_id = space_of(work), work["document_id"]
    key = space.document(document_id)
    row = await resources.table.get(key)
    if row is None or row.get("new_original") != work["new_original"] or row["state"] != "uploading":
        return
    unchanged = "#state = :uploading AND new_original = :object"
    rest = rest_work(space, document_id, generations=[], objects=[work["new_original"]])
    values = {":uploading": "uploading", ":object": work["new_original"]}
    if "gen" in row:
        forget = Write(
            key,
            update="SET #state = :ready REMOVE new_original, new_name, new_type, new_size",
            condition=unchanged,
            names={"#state": "state"},
            values={**values, ":ready": "ready"},
        )
    else:
        forget = Write(key, delete=True, condition=unchanged, names={"#state": "state"}, values=values)
    try:
        await resources.table.transact([forget, rest])
    except ConditionFailedError:
        return  # It was completed or replaced meanwhile.
    await do_rest(resources, rest)


async def sweep_expired(resources: Resources, work: Row) -> None:
    """Remove a document that has expired."""
    space = space_of(work)
    row = await resources.table.get(space.document(work["document_id"]))
    if row is not None:
        await remove_document(resources, space, row)
