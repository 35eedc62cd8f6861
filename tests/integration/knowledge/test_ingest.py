"""A document is read once, whoever is killed or comes in between, and what it replaces is gone afterwards."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from assistant import clock
from assistant.aws import Row
from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.errors import StoreUnavailableError
from assistant.identity import Caller
from assistant.knowledge import ingest, limits, search
from assistant.passages.dynamodb import DynamoPassages
from assistant.upkeep import sweep
from tests.integration.knowledge.conftest import MakeLibrarian
from tests.support.documents import DOCX, PDF, docx, pdf
from tests.support.faults import ProcessKilledError, failing
from tests.support.knowledge import context_of, rows_of

pytestmark = pytest.mark.anyio

ANN = Caller("acme", "ann")
MINE = Space("acme", "ann")
BATCH = 4
# More passages than two batches.
LONG = "\n\n".join(f"Heron {number} {'wades ' * 150}." for number in range(10))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.knowledge.reading.PASSAGES_AT_ONCE", BATCH)


def later(monkeypatch: pytest.MonkeyPatch, wait: timedelta) -> None:
    """Let time pass."""
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + wait)


async def row_of(resources: Resources, document_id: str) -> Row:
    row = await resources.table.get(MINE.document(document_id))
    assert row is not None
    return row


async def found(resources: Resources, question: str) -> list[str]:
    return [hit.passage.text for hit in await search(context_of(resources, ANN), question)]


async def test_a_reading_that_is_killed_at_any_call_is_finished_by_the_next(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call is one point. The old version is found until the new one is complete, and nothing is left over."""
    monkeypatch.setattr("assistant.knowledge.reading.PASSAGES_AT_ONCE", 1)
    mine = librarian(ANN)
    document = await mine.added(MINE, "herons.txt", "The herons of version 0.")
    point, killed = 0, True
    while killed:
        old = await found(resources, "herons")
        point += 1
        pages = "\n\n".join(f"The herons of version {point}, part {part}. {'wade ' * 200}" for part in range(3))
        await mine.queued("herons.txt", pages, document_id=document)
        with failing(resources.table.client, "killed", after=point - 1) as calls, suppress(ProcessKilledError):
            await ingest(resources, MINE, document)
        killed = bool(calls.failed)
        if (await row_of(resources, document))["state"] != "ready":
            assert await found(resources, "herons") == old
            later(monkeypatch, limits.LEASE + timedelta(seconds=1))
            assert await ingest(resources, MINE, document)
        assert {text.split(",")[0] for text in await found(resources, "herons")} == {f"The herons of version {point}"}
    assert point > 10
    later(monkeypatch, timedelta(hours=1))
    await sweep(resources)
    row = await row_of(resources, document)
    assert len(rows_of(resources)) == len(rows_of(resources, gen=row["gen"])) == 3
    listed = resources.objects.client.list_objects_v2(Bucket=resources.objects.bucket, Prefix=MINE.object_prefix)
    assert [each["Key"] for each in listed["Contents"] if document in each["Key"]] == [row["original"]]


async def test_a_second_attempt_writes_no_passage_again(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await librarian(ANN).queued("herons.txt", LONG)
    assert await ingest(resources, MINE, document, time_is_up=_after(2)) is False
    assert (await row_of(resources, document))["done"] == 2 * BATCH
    written: list[int] = []
    put = DynamoPassages.put

    async def counted(self: DynamoPassages, space: Space, passages: Any, expires_at: int | None = None) -> None:
        written.append(len(passages))
        await put(self, space, passages, expires_at)

    monkeypatch.setattr(DynamoPassages, "put", counted)
    assert await ingest(resources, MINE, document)
    assert written == [2]
    assert (await row_of(resources, document))["state"] == "ready"


async def test_two_processes_read_a_document_once(resources: Resources, librarian: MakeLibrarian) -> None:
    document = await librarian(ANN).queued("herons.txt", LONG)
    assert await asyncio.gather(*(ingest(resources, MINE, document) for _ in range(3))) == [True] * 3
    row = await row_of(resources, document)
    assert row["state"] == "ready"
    assert len(rows_of(resources)) == len(rows_of(resources, gen=row["gen"])) == 10


async def test_a_document_that_kills_its_process_is_given_up(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = librarian(ANN)
    document = await mine.queued("bomb.pdf", pdf("Boom"), PDF)

    async def dies(*_: Any) -> list[str]:
        raise ProcessKilledError

    monkeypatch.setattr("assistant.files.document_pages", dies)
    for attempt in range(1, limits.MAX_ATTEMPTS + 1):
        with pytest.raises(ProcessKilledError):
            await ingest(resources, MINE, document)
        # The attempt is counted before the document is parsed.
        assert (await row_of(resources, document))["attempts"] == attempt
        later(monkeypatch, limits.LEASE + timedelta(seconds=1))
    assert await ingest(resources, MINE, document)
    shown = await mine.shown(document)
    assert (shown["state"], shown["reason"], shown["searchable"]) == ("failed", "gave_up", False)


@pytest.mark.parametrize(
    ("name", "body", "media", "reason"),
    [
        ("scan.pdf", pdf("", ""), PDF, "no_text"),
        ("cut.pdf", b"%PDF-1.4 cut", PDF, "unreadable"),
        ("many.pdf", pdf(*["Page"] * (limits.MAX_PAGES + 1)), PDF, "too_many_pages"),
        ("long.docx", docx(*["word " * 20_000] * 21), DOCX, "too_long"),
        ("empty.txt", b"  \n ", "text/plain", "no_text"),
    ],
)
async def test_a_document_that_cannot_be_read_says_why(
    resources: Resources, librarian: MakeLibrarian, name: str, body: bytes, media: str, reason: str
) -> None:
    mine = librarian(ANN)
    document = await mine.added(MINE, name, body, media)
    shown = await mine.shown(document)
    assert (shown["state"], shown["reason"]) == ("failed", reason)
    assert rows_of(resources) == []


async def test_a_document_that_loops_ends_by_its_time_and_harms_nothing_else(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pypdf skips all forms after 5,000, for which it needs longer than this.
    monkeypatch.setattr("assistant.knowledge.reading._READ", limits_of(seconds=0.5))
    mine = librarian(ANN)
    document = await mine.added(MINE, "loop.pdf", looping_pdf(), PDF)
    assert (await mine.shown(document))["reason"] in ("too_slow", "unreadable")


def limits_of(seconds: float) -> Any:
    from assistant.files import ReadingLimits

    return ReadingLimits(pages=limits.MAX_PAGES + 1, characters=limits.MAX_CHARACTERS + 1, seconds=seconds)


def looping_pdf() -> bytes:
    """Return a PDF whose page has a content stream of many nested forms: each one is drawn twice by the next."""
    levels = 40
    forms = [
        f"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F {6 + level} 0 R >> >> "
        f"/Length 12 >>\nstream\n/F Do /F Do \nendstream"
        for level in range(levels)
    ]
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << /XObject << /F 5 0 R >> >> /Contents 4 0 R >>",
        "<< /Length 6 >>\nstream\n/F Do \nendstream",
        *forms,
        "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << >> /Length 1 >>\nstream\n \nendstream",
    ]
    body, places = "%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{each}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    return f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}".encode()


async def test_a_document_that_is_removed_while_it_is_read_leaves_no_passage(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    mine = librarian(ANN)
    document = await mine.queued("herons.txt", LONG)
    batches = 0

    def removed_after_a_batch() -> bool:
        nonlocal batches
        batches += 1
        return False

    put = DynamoPassages.put

    async def put_and_remove(self: DynamoPassages, space: Space, passages: Any, expires_at: int | None = None) -> None:
        if batches == 2:
            assert (await mine.removed(document)).status_code == 200
        await put(self, space, passages, expires_at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DynamoPassages, "put", put_and_remove)
        assert await ingest(resources, MINE, document, time_is_up=removed_after_a_batch)
    assert rows_of(resources) == []


async def test_passages_of_a_process_that_was_killed_after_a_removal_go_with_the_sweep(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = librarian(ANN)
    document = await mine.queued("herons.txt", LONG)
    put = DynamoPassages.put

    async def removed_then_killed(
        self: DynamoPassages, space: Space, passages: Any, expires_at: int | None = None
    ) -> None:
        assert (await mine.removed(document)).status_code == 200
        await put(self, space, passages, expires_at)
        raise ProcessKilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DynamoPassages, "put", removed_then_killed)
        with pytest.raises(ProcessKilledError):
            await ingest(resources, MINE, document)
    assert len(rows_of(resources)) == BATCH
    # No search finds them meanwhile.
    assert await found(resources, "heron") == []
    later(monkeypatch, timedelta(minutes=3))
    await sweep(resources)
    assert rows_of(resources) == []


async def test_a_new_version_replaces_the_old_one_and_the_same_bytes_change_nothing(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    mine = librarian(ANN)
    document = await mine.added(MINE, "birds.txt", "Herons wade.")
    first = await row_of(resources, document)
    await mine.added(MINE, "birds.txt", "Herons wade.", document_id=document)
    same = await row_of(resources, document)
    assert (same["gen"], same["original"]) == (first["gen"], first["original"])
    await mine.uploaded("birds.txt", b"Herons rest.", document_id=document)
    # A new version that only waits for its bytes changes nothing for a search.
    assert await found(resources, "herons") == ["Herons wade."]
    await mine.added(MINE, "birds.txt", "Herons sleep.", document_id=document)
    assert await found(resources, "herons") == ["Herons sleep."]
    assert len(rows_of(resources)) == 1
    assert "by" not in await row_of(resources, document)


async def test_a_version_that_cannot_be_read_leaves_the_old_one(resources: Resources, librarian: MakeLibrarian) -> None:
    mine = librarian(ANN)
    document = await mine.added(MINE, "birds.txt", "Herons wade.")
    await mine.added(MINE, "birds.pdf", pdf(""), PDF, document_id=document)
    shown = await mine.shown(document)
    assert (shown["state"], shown["reason"], shown["searchable"]) == ("failed", "no_text", True)
    assert await found(resources, "herons") == ["Herons wade."]
    assert (await mine.removed(document)).status_code == 200
    listed = resources.objects.client.list_objects_v2(Bucket=resources.objects.bucket, Prefix=MINE.object_prefix)
    assert [each for each in listed.get("Contents", []) if document in each["Key"]] == []


async def test_an_upload_that_is_never_completed_is_forgotten(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = librarian(ANN)
    new = await mine.uploaded("new.txt", b"Herons")
    known = await mine.added(MINE, "known.txt", "Herons wade.")
    await mine.uploaded("known.txt", b"Herons rest", document_id=known)
    later(monkeypatch, timedelta(days=1, minutes=1))
    await sweep(resources)
    assert await resources.table.get(MINE.document(new)) is None
    row = await row_of(resources, known)
    assert (row["state"], "new_original" in row) == ("ready", False)
    assert await found(resources, "herons") == ["Herons wade."]


async def test_a_document_with_an_end_is_not_found_after_it_and_is_removed(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = librarian(ANN)
    document = await mine.added(MINE, "offer.txt", "Herons at half price.", days=1)
    assert await found(resources, "herons") == ["Herons at half price."]
    later(monkeypatch, timedelta(days=1, minutes=1))
    assert await found(resources, "herons") == []
    await sweep(resources)
    assert await resources.table.get(MINE.document(document)) is None
    assert rows_of(resources) == []


async def test_the_bytes_must_be_there_and_be_what_was_announced(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    mine = librarian(ANN)
    answer = await mine.announced("a.pdf", b"%PDF-1.4", PDF)
    document = answer.json()["document"]["id"]
    path = f"/chatkit/api/knowledge/documents/{document}/complete"
    missing = await mine.http.post(path, json=mine.where)
    assert (missing.status_code, missing.json()["error"]["code"]) == (409, "upload_missing")
    other = await mine.uploaded("b.pdf", b"no pdf at all", PDF)
    wrong = await mine.http.post(f"/chatkit/api/knowledge/documents/{other}/complete", json=mine.where)
    assert wrong.status_code == 415
    # It can never be completed, so it takes no place.
    listed = (await mine.http.get("/chatkit/api/knowledge/documents", params=mine.where)).json()["data"]
    assert other not in [each["id"] for each in listed]
    known = await mine.added(MINE, "known.txt", "Herons wade.")
    await mine.uploaded("known.pdf", b"no pdf at all", PDF, document_id=known)
    assert (
        await mine.http.post(f"/chatkit/api/knowledge/documents/{known}/complete", json=mine.where)
    ).status_code == 415
    shown = await mine.shown(known)
    assert (shown["name"], shown["state"], shown["searchable"]) == ("known.txt", "ready", True)
    sent = resources.objects.client.list_objects_v2(Bucket=resources.objects.bucket, Prefix=MINE.object_prefix)
    assert [each["Key"] for each in sent["Contents"] if other in each["Key"]] == []
    picture = await mine.announced("a.png", b"\x89PNG\r\n\x1a\n", "image/png")
    assert picture.status_code == 415


async def test_the_sweep_starts_a_reading_that_nobody_does(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    async def start(resources: Resources, space: Space, document_id: str) -> bool:
        started.append(document_id)
        return True

    monkeypatch.setattr("assistant.knowledge.invocation.start", start)
    document = await librarian(ANN).queued("herons.txt", "Herons wade.")
    assert started.count(document) == 1
    later(monkeypatch, timedelta(minutes=3))
    await sweep(resources)
    assert started.count(document) == 2
    assert await ingest(resources, MINE, document)
    await sweep(resources)
    assert started.count(document) == 2


async def test_a_batch_that_a_busy_table_does_not_take_is_tried_again_in_halves(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.knowledge.reading.FIRST_PAUSE_SECONDS", 0.0)
    document = await librarian(ANN).queued("herons.txt", LONG)
    put, tried = DynamoPassages.put, list[int]()

    async def busy(self: DynamoPassages, space: Space, passages: Any, expires_at: Any = None) -> None:
        tried.append(len(passages))
        if len(passages) > 1:
            raise StoreUnavailableError
        await put(self, space, passages, expires_at)

    monkeypatch.setattr(DynamoPassages, "put", busy)
    assert await ingest(resources, MINE, document)
    row = await row_of(resources, document)
    assert (row["state"], row["done"]) == ("ready", row["total"])
    assert tried == [BATCH, BATCH // 2, *[1] * row["total"]]


async def test_a_document_that_a_table_never_takes_is_given_up(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.knowledge.reading.FIRST_PAUSE_SECONDS", 0.0)
    mine = librarian(ANN)
    document = await mine.queued("herons.txt", "Herons wade.")

    async def refuses(*_: Any) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(DynamoPassages, "put", refuses)
    ends = [await ingest(resources, MINE, document) for _ in range(limits.MAX_ATTEMPTS + 1)]
    assert ends == [False] * limits.MAX_ATTEMPTS + [True]
    shown = await mine.shown(document)
    assert (shown["state"], shown["reason"]) == ("failed", "gave_up")


def _after(calls: int) -> Any:
    left = calls

    def time_is_up() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    return time_is_up
