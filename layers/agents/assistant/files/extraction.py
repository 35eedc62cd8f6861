"""Extract the text of a PDF or Office document, for a model that does not accept files."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from assistant.files.limits import EXTRACTION_SECONDS, MAX_TEXT_CHARACTERS

_SCRIPT = Path(__file__).with_name("document_reader.py")


async def document_text(media_type: str, body: bytes) -> str | None:
    """Return a document's text, or None if it has no text or cannot be read.

    A child process reads the document, so that a bomb or a loop cannot harm this process. The text has at most about
    `MAX_TEXT_CHARACTERS`.

    Args:
        media_type: The document's media type, one of the kind `document`.
        body: The document.
    """
    return await asyncio.to_thread(_extract, media_type, body)


def _extract(media_type: str, body: bytes) -> str | None:
    # -P: the script's folder must not hide a module of the standard library.
    command = [sys.executable, "-P", str(_SCRIPT), media_type, str(MAX_TEXT_CHARACTERS)]
    # No key and no credential reaches the child process.
    environment = {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    try:
        done = subprocess.run(  # noqa: S603 - our own script; the document comes by standard input
            command, input=body, capture_output=True, timeout=EXTRACTION_SECONDS, env=environment, check=True
        )
    except (subprocess.SubprocessError, OSError):
        return None
    return done.stdout.decode().strip() or None
