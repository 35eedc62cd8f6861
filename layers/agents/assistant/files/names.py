"""Make the name of a file safe: it leads to no folder, hides nothing, and has an ending that no system runs.

A user downloads a file under its name and opens it by a double click. The ending decides what happens then, for any
media type. So a name keeps its ending only if it is in a list of harmless ones. Otherwise one more ending is added:
`page.html` becomes `page.html.txt`.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from assistant.files.limits import MAX_NAME_BYTES
from assistant.files.media import ALLOWED_MEDIA, Media

DEFAULT_NAME = "file"
# A longer text after the last dot of a long name is not a file extension.
LONGEST_ENDING = 15
# Windows reads the part after a colon as a stream of the file, and refuses the other characters.
_RESERVED = re.compile(r'[<>:"|?*]')
# Windows opens a device for these names, with any ending.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
# Endings of texts that an editor opens on every system.
_TEXTS = {"cfg", "conf", "css", "ini", "rst", "rtf", "sql", "srt", "tex", "toml", "tsv", "vtt", "yaml", "yml"}
# Endings of further files that a model's tool writes.
_WRITTEN = {
    "avi",
    "bin",
    "bmp",
    "ico",
    "mp3",
    "mp4",
    "odp",
    "ods",
    "odt",
    "ogg",
    "parquet",
    "tif",
    "tiff",
    "wav",
    "webm",
    "zip",
}
_BY_MEDIA = {extension for media in ALLOWED_MEDIA.values() for extension in media.extensions}


def safe_name(name: str, media: Media | None = None) -> str:
    """Return a file name without folders, control characters and reordering marks, cut to 255 bytes.

    Args:
        name: The name that a client or a tool gives.
        media: The file's type. None: any harmless ending stays.
    """
    base = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    kept = "".join(character for character in base if unicodedata.category(character)[0] != "C")
    trimmed = " ".join(_RESERVED.sub("_", kept).split()).strip(". ")
    if not trimmed:
        trimmed = DEFAULT_NAME
    if _DEVICE.match(trimmed):
        trimmed = f"_{trimmed}"
    trimmed = _cut(trimmed)
    return trimmed if _is_harmless(trimmed, media) else _cut(f"{trimmed}.{_added(media)}")


def _cut(name: str) -> str:
    """Cut a long name before its ending."""
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = f"{dot}{extension}" if stem and len(extension) <= LONGEST_ENDING else ""
    room = MAX_NAME_BYTES - len(ending.encode())
    return (stem if ending else name).encode()[:room].decode(errors="ignore").rstrip(". ") + ending


def _is_harmless(name: str, media: Media | None) -> bool:
    # Characters that look like a dot or a letter count as that dot or letter.
    stem, dot, extension = unicodedata.normalize("NFKC", name).rpartition(".")
    if not dot or not stem:
        return True
    allowed = _TEXTS | _BY_MEDIA | _WRITTEN
    if media is not None:
        of_kind = {each for other in ALLOWED_MEDIA.values() if other.kind == media.kind for each in other.extensions}
        allowed = of_kind | (_TEXTS if media.kind == "text" else set())
    return extension.strip().lower() in allowed


def _added(media: Media | None) -> str:
    return "bin" if media is None else media.extensions[0]


def content_disposition(media: Media | None, name: str) -> str:
    """Return the `Content-Disposition` with which a file is read: shown if harmless, else downloaded.

    The name is made safe here too, because an earlier release may have stored it.
    """
    safe = safe_name(name, media)
    kind = "inline" if media is not None and media.inline else "attachment"
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    # RFC 6266: the plain form for old clients, the extended one for the rest.
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"
