"""Extract the text of a PDF or Office document, for a model that does not accept files, and for knowledge."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from assistant.files.limits import EXTRACTION_SECONDS, MAX_TEXT_CHARACTERS

_SCRIPT = Path(__file__).with_name("document_reader.py")
# The script ends each page of a PDF with it.
PAGE_END = "\f"


@dataclass(frozen=True)
class ReadingLimits:
    """The most that a document may take.

    Attributes:
        pages: Pages, slides or sheets; later ones are left out.
        characters: Characters of text; the rest is left out.
        seconds: The time.
    """

    pages: int
    characters: int
    seconds: float


# A scanned book has more pages. Its first pages fill the limit of characters anyway.
OF_A_MESSAGE = ReadingLimits(pages=200, characters=MAX_TEXT_CHARACTERS, seconds=EXTRACTION_SECONDS)


class UnreadableDocumentError(Exception):
    """A document cannot be read."""


class SlowDocumentError(UnreadableDocumentError):
    """A document takes too long to read."""


async def document_text(media_type: str, body: bytes) -> str | None:
    """Return a document's text, or None if it has no text or cannot be read.

    The text has at most about `MAX_TEXT_CHARACTERS`.

    Args:
        media_type: The document's media type, one of the kind `document`.
        body: The document.
    """
    try:
        pages = await document_pages(media_type, body, OF_A_MESSAGE)
    except UnreadableDocumentError:
        return None
    return "\n".join(pages).strip() or None


async def document_pages(media_type: str, body: bytes, limits: ReadingLimits) -> list[str]:
    """Return the text of each page of a PDF, or the whole text of an Office document.

    A child process reads the document, so that a bomb or a loop cannot harm this process.

    Args:
        media_type: The document's media type, one of the kind `document`.
        body: The document.
        limits: The most that it may take.

    Raises:
        SlowDocumentError: it takes too long.
        UnreadableDocumentError: it cannot be read.
    """
    return await asyncio.to_thread(_extract, media_type, body, limits)


def _extract(media_type: str, body: bytes, limits: ReadingLimits) -> list[str]:
    # -P: the script's folder must not hide a module of the standard library.
    command = [sys.executable, "-P", str(_SCRIPT), media_type, str(limits.characters), str(limits.pages)]
    # No key and no credential reaches the child process.
    environment = {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    try:
        done = subprocess.run(  # noqa: S603 - our own script; the document comes by standard input
            [*command, str(int(limits.seconds) + 2)],
            input=body,
            capture_output=True,
            timeout=limits.seconds,
            env=environment,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise SlowDocumentError from None
    except (subprocess.SubprocessError, OSError) as error:
        raise UnreadableDocumentError from error
    text = done.stdout.decode()
    return text.removesuffix(PAGE_END).split(PAGE_END) if media_type == "application/pdf" else [text]
