"""Small documents with one fact each."""

from __future__ import annotations

import io
import zipfile

PDF = "application/pdf"
_OFFICE = "application/vnd.openxmlformats-officedocument"
DOCX = f"{_OFFICE}.wordprocessingml.document"
XLSX = f"{_OFFICE}.spreadsheetml.sheet"
PPTX = f"{_OFFICE}.presentationml.presentation"


def pdf(*pages: str) -> bytes:
    """Return a PDF with one line of text on each page."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET"
        resources = "<< /Font << /F1 3 0 R >> >>"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Resources {resources} "
            f"/Contents {5 + 2 * number} 0 R >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    body, places = "%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{each}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    return f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()


def archive(parts: dict[str, str]) -> bytes:
    """Return a ZIP archive with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, text in parts.items():
            writer.writestr(name, text)
    return buffer.getvalue()


def docx(*paragraphs: str) -> bytes:
    """Return a Word document."""
    lines = "".join(f"<w:p><w:r><w:t>{each}</w:t></w:r></w:p>" for each in paragraphs)
    return archive({"word/document.xml": f'<w:document xmlns:w="urn:w"><w:body>{lines}</w:body></w:document>'})


def pptx(*slides: str) -> bytes:
    """Return a presentation with one paragraph on each slide."""
    text = '<p:sld xmlns:p="urn:p" xmlns:a="urn:a"><a:p><a:r><a:t>{}</a:t></a:r></a:p></p:sld>'
    return archive({f"ppt/slides/slide{number}.xml": text.format(each) for number, each in enumerate(slides, start=1)})


def xlsx(*rows: tuple[str, int]) -> bytes:
    """Return a sheet with a word, which Excel keeps among the shared strings, and a number in each row."""
    strings = "".join(f"<si><t>{word}</t></si>" for word, _ in rows)
    cells = "".join(
        f'<row><c t="s"><v>{number}</v></c><c><v>{value}</v></c></row>' for number, (_, value) in enumerate(rows)
    )
    return archive(
        {
            "xl/sharedStrings.xml": f'<sst xmlns="urn:s">{strings}</sst>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="urn:s"><sheetData>{cells}</sheetData></worksheet>',
        }
    )
