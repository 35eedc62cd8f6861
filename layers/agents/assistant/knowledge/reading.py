"""Read a document: extract, cut, embed and write its passages under a new generation, then switch over.

One process at a time reads a document, by a lease in its row. The row counts the attempts before the document is
parsed, so a document that kills its process is given up. If a process is killed, the next attempt continues the
generation that it was writing. Searches find the old generation until one transaction names the new one.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assistant import clock, files, quotas
from assistant.aws import ConditionFailedError, Row, Write
from assistant.aws.keys import Space
from assistant.context import RequestContext, Resources
from assistant.errors import (
    AssistantError,
    BeingErasedError,
    ModelsStoppedError,
    QuotaExceededError,
    StoreUnavailableError,
)
from assistant.files import ReadingLimits, SlowDocumentError, UnreadableDocumentError
from assistant.identity import Caller
from assistant.ids import uuid7
from assistant.knowledge import invocation, removal
from assistant.knowledge.chunks import Chunk, chunks
from assistant.knowledge.limits import (
    FIRST_PAUSE_SECONDS,
    LAST_WRITE,
    LEASE,
    MAX_ATTEMPTS,
    MAX_CHARACTERS,
    MAX_PAGES,
    MAX_PAUSES,
    PASSAGES_AT_ONCE,
    READING_SECONDS,
)
from assistant.knowledge.rows import Reason, space_of
from assistant.passages import Passage, PassageStore, passage_store

logger = logging.getLogger(__name__)

# One more of each than allowed, to detect a document that is too long.
_READ = ReadingLimits(pages=MAX_PAGES + 1, characters=MAX_CHARACTERS + 1, seconds=READING_SECONDS)
_PDF = "application/pdf"


class _LeaseLostError(Exception):
    """The document was removed, or another process reads it now."""


class _CannotReadError(Exception):
    """The document cannot be read, now or later."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class _Reading:
    """One attempt to read a document.

    Attributes:
        resources: Tables, bucket and settings.
        store: The store of passages.
        space: The document's space.
        row: The document's row, as of the last write.
        lease: The attempt's name in the row.
    """

    resources: Resources
    store: PassageStore
    space: Space
    row: Row
    lease: str

    async def note(self, update: str, **values: Any) -> None:
        """Change the row and renew the lease.

        Raises:
            _LeaseLostError: the lease is not ours any more.
        """
        try:
            self.row = await self.resources.table.update(
                self.space.document(self.row["id"]),
                f"{update}, lease_until = :until",
                condition="lease = :lease",
                names={"#total": "total"} if "#total" in update else {},
                values={
                    **{f":{name}": value for name, value in values.items()},
                    ":lease": self.lease,
                    ":until": _until(),
                },
            )
        except ConditionFailedError:
            raise _LeaseLostError from None

    async def end(self, write: Write, generations: Sequence[str], originals: Sequence[str]) -> None:
        """Write the end of the attempt, and remove what it replaces."""
        rest = removal.rest_work(self.space, self.row["id"], generations=generations, objects=originals)
        try:
            await self.resources.table.transact([write, rest])
        except ConditionFailedError:
            raise _LeaseLostError from None
        await removal.do_rest(self.resources, rest)

    def write(self, update: str, remove: str = "", **values: Any) -> Write:
        """Return the write that ends the attempt."""
        return Write(
            self.space.document(self.row["id"]),
            update=f"SET {update} REMOVE lease, lease_until, next_gen, next_sha256, attempts, #by{remove}",
            condition="lease = :lease",
            names={"#state": "state", "#by": "by", **{each: each[1:] for each in ("#name", "#type") if each in update}},
            values={**{f":{name}": value for name, value in values.items()}, ":lease": self.lease},
        )


def _until() -> float:
    return (clock.now() + LEASE).timestamp()


async def ingest(
    resources: Resources, space: Space, document_id: str, *, time_is_up: Callable[[], bool] = lambda: False
) -> bool:
    """Read a document that waits for it.

    Args:
        resources: Tables, bucket and settings.
        space: The document's space.
        document_id: The document.
        time_is_up: Called between two batches; True leaves the rest to another process.

    Returns:
        Whether the document needs no other process: it is read, cannot be read, is gone, or another process reads it.
    """
    row = await _leased(resources, space, document_id)
    if row is None:
        return True
    reading = _Reading(resources, passage_store(resources), space, row, row["lease"])
    try:
        return await _read(reading, time_is_up)
    except _CannotReadError as error:
        await _fail(reading, error.reason)
    except (QuotaExceededError, BeingErasedError, ModelsStoppedError):
        await _fail(reading, "quota")
    except _LeaseLostError:
        await _left(reading)
    except AssistantError as error:
        # The next attempt need not wait for the end of the lease.
        logger.warning("a document could not be read now: %s", error.code)
        await _release(reading)
        return False
    return True


async def _leased(resources: Resources, space: Space, document_id: str) -> Row | None:
    """Take the lease and count the attempt. Return the row, or None if nothing is to be read now."""
    now = clock.now().timestamp()
    key = space.document(document_id)
    free = "#state IN (:queued, :working) AND (attribute_not_exists(lease_until) OR lease_until < :now)"
    try:
        return await resources.table.update(
            key,
            "SET #state = :working, lease = :lease, lease_until = :until, attempts = attempts + :one,"
            " next_gen = if_not_exists(next_gen, :gen)",
            condition=f"{free} AND attempts < :most",
            names={"#state": "state"},
            values={
                ":queued": "queued",
                ":working": "working",
                ":now": now,
                ":until": _until(),
                ":lease": uuid7(),
                ":one": 1,
                ":gen": uuid7(),
                ":most": MAX_ATTEMPTS,
            },
        )
    except ConditionFailedError as error:
        row = error.row
    if row is None or row["state"] not in ("queued", "working") or row.get("lease_until", 0) >= now:
        return None
    logger.error("document %s is given up after %d attempts", document_id, row["attempts"])
    given_up = _Reading(resources, passage_store(resources), space, row, row.get("lease", ""))
    try:
        await _fail(given_up, "gave_up")
    except _LeaseLostError:
        return None
    return None


async def _read(reading: _Reading, time_is_up: Callable[[], bool]) -> bool:
    row, store = reading.row, reading.store
    try:
        body = await reading.resources.objects.get(row["new_original"])
    except KeyError:
        raise _CannotReadError("missing") from None
    digest = hashlib.sha256(body).hexdigest()
    same = (row.get("sha256"), row.get("model"), row["name"]) == (digest, store.model, row["new_name"])
    if "gen" in row and same:
        # The searchable version has this content already.
        await reading.end(
            reading.write("#state = :ready", _NEW, ready="ready"), [row["next_gen"]], [row["new_original"]]
        )
        return True
    parts = await _parts(row["new_type"], body)
    if not parts:
        raise _CannotReadError("no_text")
    done = row.get("done", 0)
    if (row.get("total"), row.get("next_model")) != (len(parts), store.model):
        # This is the first attempt, or the passages were cut or embedded in another way: write all of them again.
        done = 0
    await reading.note(
        "SET #total = :total, done = :done, next_model = :model", total=len(parts), done=done, model=store.model
    )
    await _claim(reading, parts[done:])
    at_once, pauses = PASSAGES_AT_ONCE, 0
    while done < len(parts):
        if time_is_up():
            await _release(reading)
            return False
        batch = parts[done : done + at_once]
        passages = [
            Passage(row["id"], row["next_gen"], done + offset, part.text, row["new_name"], part.page)
            for offset, part in enumerate(batch)
        ]
        try:
            await store.put(reading.space, passages, row.get("expires_at"))
        except StoreUnavailableError:
            if pauses == MAX_PAUSES:
                raise
            await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**pauses)
            at_once, pauses = max(1, at_once // 2), pauses + 1
            continue
        done, pauses = done + len(batch), 0
        await reading.note("SET done = :done", done=done)
    switch = reading.write(
        "#state = :ready, gen = next_gen, sha256 = :digest, model = next_model, original = new_original,"
        " #name = new_name, #type = new_type, size = new_size",
        _NEW,
        ready="ready",
        digest=digest,
    )
    await reading.end(switch, [row["gen"]] if "gen" in row else [], [row["original"]] if "original" in row else [])
    return True


# What the row has of a version that is not searchable yet.
_NEW = ", new_original, new_name, new_type, new_size, next_model, reason"


async def _parts(media_type: str, body: bytes) -> list[Chunk]:
    """Return the document's passages.

    Raises:
        _CannotReadError: it is too large, too slow, or not what it seems to be.
    """
    numbered = media_type == _PDF
    if files.ALLOWED_MEDIA[media_type].kind == "text":
        pages = [files.decoded(body)]
    else:
        try:
            pages = await files.document_pages(media_type, body, _READ)
        except SlowDocumentError:
            raise _CannotReadError("too_slow") from None
        except UnreadableDocumentError:
            raise _CannotReadError("unreadable") from None
    if len(pages) > MAX_PAGES:
        raise _CannotReadError("too_many_pages")
    if sum(map(len, pages)) > MAX_CHARACTERS:
        raise _CannotReadError("too_long")
    return list(chunks(pages, numbered=numbered))


async def _claim(reading: _Reading, parts: Sequence[Chunk]) -> None:
    """Claim the price of the embeddings for the user who has added the document."""
    dollars = reading.store.price(sum(len(part.text) for part in parts))
    payer = Caller(reading.space.tenant_id, reading.row["by"])
    await quotas.claim("document", RequestContext(payer, reading.resources), dollars)


async def _fail(reading: _Reading, reason: Reason) -> None:
    """Note that the new version cannot be read. A searchable version stays."""
    row = reading.row
    failed = reading.write("#state = :failed, reason = :reason", ", next_model", failed="failed", reason=reason)
    try:
        await reading.end(failed, [row["next_gen"]] if "next_gen" in row else [], [])
    except _LeaseLostError:
        await _left(reading)


async def _release(reading: _Reading) -> None:
    """End the lease, so that another process can continue at once."""
    try:
        await reading.resources.table.update(
            reading.space.document(reading.row["id"]),
            "REMOVE lease_until",
            condition="lease = :lease",
            values={":lease": reading.lease},
        )
    except ConditionFailedError:
        return


async def _left(reading: _Reading) -> None:
    """Remove the passages of a document that was removed while it was being read."""
    row = await reading.resources.table.get(reading.space.document(reading.row["id"]))
    if row is None:
        await reading.store.remove(reading.space, reading.row["id"])


async def sweep_ingest(resources: Resources, work: Row) -> bool:
    """Start the reading of a document again if no process reads it. Return whether the work is done."""
    if not resources.settings.knowledge.on:
        return True
    space, document_id = space_of(work), work["document_id"]
    row = await resources.table.get(space.document(document_id))
    if row is None:
        # A process that was killed while it was reading has left passages.
        await passage_store(resources).remove(space, document_id)
        return clock.now() - datetime.fromisoformat(work["since"]) > LAST_WRITE
    if row["state"] not in ("queued", "working") or row.get("new_original") != work["new_original"]:
        return True
    if row.get("lease_until", 0) < clock.now().timestamp():
        await invocation.start(resources, space, document_id)
    return False
