"""The allowed types of files, and how to recognise them.

The type that a client declares is not trusted: the file's first bytes must match it. The list excludes types that
a browser could run (HTML, SVG, scripts).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from assistant.errors import UnsupportedTypeError

MediaKind = Literal["image", "text", "document"]

# Types that clients send for unknown files. Windows sends Excel's type for a CSV file.
_VAGUE_TYPES = {"", "application/octet-stream", "binary/octet-stream", "application/vnd.ms-excel"}
_OTHER_NAMES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "application/x-pdf": "application/pdf",
    "text/x-markdown": "text/markdown",
    "application/csv": "text/csv",
    "text/x-csv": "text/csv",
}


@dataclass(frozen=True)
class Media:
    """An allowed type.

    Attributes:
        name: The media type.
        kind: How to give the file to the model.
        extensions: File extensions, for a file without a declared type.
        matches: Tells from the first bytes whether a file can be of this type.
        inline: Whether a browser may show the file. If not, it is downloaded.
    """

    name: str
    kind: MediaKind
    extensions: tuple[str, ...]
    matches: Callable[[bytes], bool]
    inline: bool = False


def _starts(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


def _webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _text(head: bytes) -> bool:
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" not in head


_zip = _starts(b"PK\x03\x04")
_OFFICE = "application/vnd.openxmlformats-officedocument"

_ALLOWED = (
    Media("image/png", "image", ("png",), _starts(b"\x89PNG\r\n\x1a\n"), inline=True),
    Media("image/jpeg", "image", ("jpg", "jpeg"), _starts(b"\xff\xd8\xff"), inline=True),
    Media("image/gif", "image", ("gif",), _starts(b"GIF87a", b"GIF89a"), inline=True),
    Media("image/webp", "image", ("webp",), _webp, inline=True),
    Media("application/pdf", "document", ("pdf",), _starts(b"%PDF-"), inline=True),
    Media("text/plain", "text", ("txt", "text", "log"), _text),
    Media("text/markdown", "text", ("md", "markdown"), _text),
    Media("text/csv", "text", ("csv",), _text),
    Media("application/json", "text", ("json",), _text),
    Media(f"{_OFFICE}.wordprocessingml.document", "document", ("docx",), _zip),
    Media(f"{_OFFICE}.spreadsheetml.sheet", "document", ("xlsx",), _zip),
    Media(f"{_OFFICE}.presentationml.presentation", "document", ("pptx",), _zip),
)
ALLOWED_MEDIA = {media.name: media for media in _ALLOWED}
_BY_EXTENSION = {extension: media for media in _ALLOWED for extension in media.extensions}


def allowed_media(declared: str, name: str) -> Media:
    """Return the allowed type of a file.

    Args:
        declared: The media type that the client declares, parameters included.
        name: The file's name. Its extension decides only if the client declares no definite type.

    Raises:
        UnsupportedTypeError: the type is not allowed.
    """
    bare = declared.partition(";")[0].strip().lower()
    if bare in _VAGUE_TYPES:
        media = _BY_EXTENSION.get(name.rpartition(".")[2].lower())
    else:
        media = ALLOWED_MEDIA.get(_OTHER_NAMES.get(bare, bare))
    if media is None:
        raise UnsupportedTypeError
    return media


def check_head(media: Media, head: bytes, name: str) -> None:
    """Check that a file's first bytes match its type.

    Raises:
        UnsupportedTypeError: they do not.
    """
    # Almost any bytes can be text, except those that start like another known type.
    known = media.kind == "text" and any(other.matches(head) for other in _ALLOWED if other.kind != "text")
    if known or not media.matches(head):
        raise UnsupportedTypeError(f"The content of '{name}' is not {media.name}.")
