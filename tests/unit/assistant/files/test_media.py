"""Which files are allowed."""

from __future__ import annotations

import pytest

from assistant.errors import UnsupportedTypeError
from assistant.files.media import ALLOWED_MEDIA, allowed_media, check_head
from assistant.files.names import content_disposition
from tests.support.files import PDF, PNG, TEXT


@pytest.mark.parametrize(
    ("declared", "name", "allowed"),
    [
        ("image/png", "a.png", "image/png"),
        ("IMAGE/PNG; charset=binary", "a", "image/png"),
        ("image/jpg", "a.jpg", "image/jpeg"),
        ("text/plain;charset=utf-8", "a.txt", "text/plain"),
        ("", "notes.MD", "text/markdown"),
        ("application/octet-stream", "report.pdf", "application/pdf"),
        ("application/vnd.ms-excel", "prices.csv", "text/csv"),
        ("text/x-markdown", "a", "text/markdown"),
    ],
)
def test_a_type_is_found_by_what_is_declared_and_else_by_the_ending(declared: str, name: str, allowed: str) -> None:
    assert allowed_media(declared, name).name == allowed


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("text/html", "page.html"),
        ("text/html", "page.txt"),
        ("image/svg+xml", "logo.svg"),
        ("application/javascript", "a.js"),
        ("application/x-msdownload", "a.pdf"),
        ("application/vnd.ms-excel", "old.xls"),
        ("application/octet-stream", "a.exe"),
        ("", ""),
        ("", "pdf."),
        ("nonsense", "a.png"),
    ],
)
def test_what_a_browser_could_run_or_nobody_knows_is_refused(declared: str, name: str) -> None:
    with pytest.raises(UnsupportedTypeError):
        allowed_media(declared, name)


@pytest.mark.parametrize(
    ("type_", "head"),
    [
        ("image/png", PNG),
        ("image/jpeg", b"\xff\xd8\xff\xe0"),
        ("image/gif", b"GIF89a..."),
        ("image/webp", b"RIFF\x00\x00\x00\x00WEBPVP8 "),
        ("application/pdf", PDF),
        ("text/plain", TEXT),
        ("text/csv", "a;b".encode("utf-16")),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04..."),
    ],
)
def test_a_file_of_a_type_is_recognised_and_any_other_is_not(type_: str, head: bytes) -> None:
    check_head(ALLOWED_MEDIA[type_], head, "a")
    others = [PNG, PDF, b"\x7fELF\x02\x01\x01\x00", b"MZ\x90\x00"]
    for other in others:
        if not ALLOWED_MEDIA[type_].matches(other):
            with pytest.raises(UnsupportedTypeError):
                check_head(ALLOWED_MEDIA[type_], other, "a")
    assert not all(ALLOWED_MEDIA[type_].matches(other) for other in others)


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"GIF89a", b"%PDF-1.7", b"\xff\xd8\xff"])
@pytest.mark.parametrize("type_", [name for name, media in ALLOWED_MEDIA.items() if media.kind == "text"])
def test_the_beginning_of_something_else_is_no_text(type_: str, head: bytes) -> None:
    with pytest.raises(UnsupportedTypeError):
        check_head(ALLOWED_MEDIA[type_], head, "a")


@pytest.mark.parametrize("type_", sorted(ALLOWED_MEDIA))
def test_a_program_is_of_no_allowed_type(type_: str) -> None:
    assert not ALLOWED_MEDIA[type_].matches(b"\x7fELF\x02\x01\x01\x00")


def test_only_what_a_browser_shows_safely_is_shown() -> None:
    inline = {name for name, media in ALLOWED_MEDIA.items() if content_disposition(media, "a").startswith("inline")}
    assert inline == {"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"}
    assert content_disposition(None, "a").startswith("attachment")
