"""Where imported threads come from: a file with a JSON line for each thread, or a folder of `make export`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True)
class Source:
    """The documents of threads, and the attached files.

    Attributes:
        path: The file of lines, or the folder.
        files: The folder of the attached files, named by their ids as `make export` names them; None if there is none.
    """

    path: Path
    files: Path | None

    @classmethod
    def at(cls, path: Path, files: Path | None) -> Source:
        """Return the source at a path. A folder of `make export` has its own files."""
        own = path / "files"
        return cls(path, files or (own if own.is_dir() else None))

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Yield each thread's document, and the words that name its place in an error. Skip empty lines."""
        if self.path.is_dir():
            for document in sorted((self.path / "threads").glob("*.json")):
                yield document.name, document.read_bytes()
            return
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"line {number}", line

    def file(self, attachment_id: str) -> Path | None:
        """Return the file of an attachment, or None if it is not there."""
        if self.files is None:
            return None
        path = self.files / quote(attachment_id, safe="")
        return path if path.is_file() else None
