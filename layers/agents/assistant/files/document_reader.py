"""Write the text of a PDF or Office document to standard output. Runs as a child process of `extraction`.

A document is untrusted: it can be a bomb that expands to gigabytes, or a loop. The process limits its own memory and
CPU time, so such a document ends this process only. It imports nothing of the platform, to start fast.

    python document_reader.py MEDIA_TYPE MAX_CHARACTERS MAX_PAGES MAX_CPU_SECONDS < document

Each page of a PDF ends with a form feed, each line of an Office document with a newline.
"""

from __future__ import annotations

import io
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from xml.etree.ElementTree import Element

# Enough for pypdf on a document of the greatest allowed size, and half of a function's memory.
MAX_MEMORY_BYTES = 512_000_000
# One XML part of an Office document, uncompressed. A thousand pages of text have about 10 MB.
MAX_PART_BYTES = 30_000_000

PDF = "application/pdf"
_PARTS = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": r"word/document\.xml",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": r"ppt/slides/slide(\d+)\.xml",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": r"xl/worksheets/sheet(\d+)\.xml",
}
_SHARED_STRINGS = "xl/sharedStrings.xml"


def texts(media_type: str, body: bytes, most_pages: int) -> Iterator[str]:
    """Yield the document's text: a PDF's pages, the lines of an Office document."""
    if media_type == PDF:
        yield from _pdf(body, most_pages)
    else:
        yield from _office(body, _PARTS[media_type], most_pages)


def _pdf(body: bytes, most_pages: int) -> Iterator[str]:
    from pypdf import PdfReader

    for page in PdfReader(io.BytesIO(body)).pages[:most_pages]:
        yield page.extract_text().replace("\f", "\n")


def _office(body: bytes, pattern: str, most_pages: int) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        found = [(match, name) for name in archive.namelist() if (match := re.fullmatch(pattern, name))]
        numbered = sorted(found, key=lambda each: [int(number) for number in each[0].groups()])
        shared: list[str] = []
        if _SHARED_STRINGS in archive.namelist():
            shared = [_words(entry) for entry in _part(archive, _SHARED_STRINGS)]
        for _, name in numbered[:most_pages]:
            yield from _lines(_part(archive, name), shared)


def _part(archive: zipfile.ZipFile, name: str) -> Element:
    from defusedxml.ElementTree import fromstring

    with archive.open(name) as part:
        xml = part.read(MAX_PART_BYTES + 1)
    if len(xml) > MAX_PART_BYTES:
        raise ValueError("A part of the document is too large.")
    root: Element = fromstring(xml)
    return root


def _lines(root: Element, shared: list[str]) -> Iterator[str]:
    """Yield paragraphs, or the rows of a sheet with a tab between cells."""
    for element in root.iter():
        match _name(element):
            case "p":
                yield _words(element)
            case "row":
                yield "\t".join(_cell(cell, shared) for cell in element)


def _cell(cell: Element, shared: list[str]) -> str:
    value = next((each.text or "" for each in cell if _name(each) == "v"), None)
    if cell.get("t") == "s" and value is not None:
        return shared[int(value)]
    return _words(cell) if value is None else value


def _words(element: Element) -> str:
    words = {"tab": "\t", "br": "\n"}
    return "".join(each.text or "" if _name(each) == "t" else words.get(_name(each), "") for each in element.iter())


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def main() -> None:
    """Limit this process, read the document and write its text."""
    media_type, left, most_pages, seconds = sys.argv[1], *map(int, sys.argv[2:])
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    end = "\f" if media_type == PDF else "\n"
    for text in texts(media_type, sys.stdin.buffer.read(), most_pages):
        # A lone surrogate, which a PDF can hold, is no UTF-8.
        sys.stdout.buffer.write(f"{text[:left]}{end}".encode(errors="replace"))
        left -= len(text)
        if left <= 0:
            break


if __name__ == "__main__":
    main()
