"""The text of documents, for models that take no files. No document can make the child process loop or swell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.files import document_text, extraction
from assistant.files.limits import MAX_TEXT_CHARACTERS
from tests.support.documents import DOCX, PDF, PPTX, XLSX, archive, docx, pdf, pptx, xlsx

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("media_type", "body", "text"),
    [
        (PDF, pdf("Four lamps", "Two chairs"), "Four lamps\nTwo chairs"),
        (DOCX, docx("Four lamps", "Zwei Stühle"), "Four lamps\nZwei Stühle"),
        (PPTX, pptx(*(f"Slide {number}" for number in range(1, 12))), "\n".join(f"Slide {n}" for n in range(1, 12))),
        (XLSX, xlsx(("lamps", 4), ("chairs", 2)), "lamps\t4\nchairs\t2"),
    ],
)
async def test_the_text_of_a_document_is_read(media_type: str, body: bytes, text: str) -> None:
    assert await document_text(media_type, body) == text


BILLION_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><x>&j;</x>"
)


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (PDF, b"%PDF-1.4 junk"),
        (PDF, pdf("x")[:200]),
        (DOCX, b"PK\x03\x04 junk"),
        (DOCX, archive({"other.xml": "<x/>"})),
        (DOCX, archive({"word/document.xml": BILLION_LAUGHS})),
        (DOCX, archive({"word/document.xml": "<x>" + " " * 200_000_000 + "</x>"})),
        (XLSX, archive({"xl/worksheets/sheet1.xml": '<w><row><c t="s"><v>9</v></c></row></w>'})),
    ],
    ids=["junk", "cut", "no zip", "no document", "entities", "zip bomb", "unknown string"],
)
async def test_a_broken_or_hostile_document_has_no_text(media_type: str, body: bytes) -> None:
    assert await document_text(media_type, body) is None


async def test_a_long_document_is_cut() -> None:
    text = await document_text(DOCX, docx(*["word " * 1_000] * 100))
    assert text is not None
    assert len(text) <= MAX_TEXT_CHARACTERS + 100


async def test_a_document_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "OF_A_MESSAGE", replace(extraction.OF_A_MESSAGE, seconds=0.01))
    assert await document_text(PDF, pdf("Four lamps")) is None
