"""Lay out the pages of the documentation site, for `make docs`.

The pages are docs/ and the README, CONTRIBUTING and CHANGELOG of the checkout. A link from one of them to another
stays a link. A link to anything else in the checkout becomes the path, as text: the site is published without the code.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

from scripts.vendor import fetch, find_drift, read_manifest

ROOT = Path(__file__).resolve().parents[1]
# The one script that the site needs beside its theme: the theme would load it from elsewhere.
MANIFEST = ROOT / "docs" / "site" / "VENDORED.json"
TOP = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def page_names(root: Path) -> dict[Path, str]:
    """Return each page's file, and its name in the site."""
    pages = {root / source: name for source, name in TOP.items()}
    return pages | {path: path.name for path in sorted((root / "docs").glob("*.md"))}


def page_text(page: Path, pages: dict[Path, str], root: Path) -> str:
    """Return a page with links that work in the site."""

    def link(match: re.Match[str]) -> str:
        picture, text, target, anchor = match[1], match[2], match[3], match[4] or ""
        path = (page.parent / target).resolve()
        if path in pages:
            return f"[{text}]({pages[path]}{anchor})"
        if picture and path.is_relative_to(root / "docs"):
            return f"![{text}]({path.relative_to(root / 'docs')})"
        return f"{text} (`{path.relative_to(root)}`)"

    return _LINK.sub(link, page.read_text(encoding="utf-8"))


def lay_out(folder: Path, root: Path = ROOT) -> None:
    """Write all pages, pictures and scripts of the site into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pages = page_names(root)
    for page, name in pages.items():
        (folder / name).write_text(page_text(page, pages, root), encoding="utf-8")
    if (root / "docs" / "images").is_dir():
        shutil.copytree(root / "docs" / "images", folder / "images")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Lay out the pages of the documentation site.")
    parser.add_argument("folder", type=Path, help="where the pages go")
    parser.add_argument("scripts", type=Path, help="where scripts from the npm registry are kept between builds")
    given = parser.parse_args()
    files = read_manifest(MANIFEST)
    given.scripts.mkdir(parents=True, exist_ok=True)
    if any(not (given.scripts / entry.file).is_file() for entry in files):
        fetch(files, given.scripts)
    problems = find_drift(files, given.scripts)
    lay_out(given.folder)
    shutil.copytree(given.scripts, given.folder / "assets")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
