"""File names lead to no folder, break no header, and have no ending that a system runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.files.limits import MAX_NAME_BYTES
from assistant.files.media import ALLOWED_MEDIA, Media
from assistant.files.names import content_disposition, safe_name

TEXT, PDF, PNG = (ALLOWED_MEDIA[name] for name in ("text/plain", "application/pdf", "image/png"))


@pytest.mark.parametrize(
    "ending",
    [
        "html",
        "HTML",
        "htm",
        "xhtml",
        "svg",
        "js",
        "mjs",
        "exe",
        "scr",
        "bat",
        "cmd",
        "ps1",
        "vbs",
        "hta",
        "jar",
        "lnk",
        "url",
        "sh",
        "py",
        "msi",
        "com",
        "docm",
        "xml",
        "app",
        "desktop",
        "php",
    ],
)
def test_an_ending_that_a_system_runs_gets_another(ending: str) -> None:
    assert safe_name(f"a.{ending}", TEXT) == f"a.{ending}.txt"
    assert safe_name(f"a.pdf.{ending}", PDF) == f"a.pdf.{ending}.pdf"
    assert safe_name(f"a.{ending}") == f"a.{ending}.bin"
    header = content_disposition(PNG, f"a.{ending}")
    assert f'filename="a.{ending}.png"' in header
    assert header.endswith(f"a.{ending}.png")


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("notes.md", "notes.md"),
        ("data.CSV", "data.CSV"),
        ("settings.yaml", "settings.yaml"),
        ("README", "README"),
        ("a.exe.txt", "a.exe.txt"),
        ("report.pdf", "report.pdf.txt"),
        # Windows removes dots and spaces at the end, and reads `::$DATA` as the file itself.
        ("a.html. . ", "a.html.txt"),
        ("a.exe::$DATA", "a.exe__$DATA.txt"),
        ("a.txt:b.exe", "a.txt_b.exe.txt"),
        # Marks that turn the order of the letters, or that nobody sees.
        ("a\u202etxt.exe", "atxt.exe.txt"),
        ("a.ex\u200be", "a.exe.txt"),
        ("a.exe\u00ad", "a.exe.txt"),
        ("a\uff0eexe", "a\uff0eexe.txt"),
        ("a.\uff45xe", "a.\uff45xe.txt"),
        ("con.txt", "_con.txt"),
        ("NUL", "_NUL"),
    ],
)
def test_tricks_do_not_hide_an_ending(given_name: str, safe: str) -> None:
    assert safe_name(given_name, TEXT) == safe


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Übersicht März.pdf", "Übersicht März.pdf"),
        ("U\u0308bersicht.pdf", "Übersicht.pdf"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\ann\\a.txt", "a.txt"),
        ("..", "file"),
        ("...hidden", "hidden"),
        ("", "file"),
        ("\x00\x01", "file"),
        ("a\r\nSet-Cookie: b.txt", "aSet-Cookie_ b.txt"),
        ("exe.\u202egpj.scr", "exe.gpj.scr.bin"),
        ("  a   b .txt ", "a b .txt"),
    ],
)
def test_a_name_is_made_harmless(given_name: str, safe: str) -> None:
    assert safe_name(given_name) == safe


def test_a_long_name_keeps_its_ending() -> None:
    name = safe_name("ä" * 500 + ".pdf")
    assert name.endswith("ä.pdf")
    assert MAX_NAME_BYTES - 1 <= len(name.encode()) <= MAX_NAME_BYTES


@given(st.text())
def test_no_name_breaks_a_header_or_a_path(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert "/" not in safe
    assert "\\" not in safe
    header = content_disposition(None, safe)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    # Made harmless once is harmless for good.
    assert safe_name(safe) == safe


@pytest.mark.parametrize("media", [None, *ALLOWED_MEDIA.values()], ids=lambda media: media.name if media else "any")
@given(name=st.text())
def test_a_safe_name_stays_the_same(media: Media | None, name: str) -> None:
    safe = safe_name(name, media)
    assert safe_name(safe, media) == safe
    assert len(safe.encode()) <= MAX_NAME_BYTES
