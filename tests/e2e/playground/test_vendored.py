"""The vendored modules are what their packages published, and the page's policy names its import map."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from pathlib import Path

from scripts.vendor import VENDOR, find_drift, read_manifest

PAGE = VENDOR.parent / "index.html"


def test_the_vendored_files_are_as_published_with_a_licence_each() -> None:
    files = read_manifest()
    assert find_drift(files) == []
    licensed = {entry.package for entry in files if entry.source.startswith("LICENSE")}
    assert licensed == {entry.package for entry in files}


def test_a_changed_a_missing_and_an_unnamed_file_are_found(tmp_path: Path) -> None:
    vendor = tmp_path / "vendor"
    shutil.copytree(VENDOR, vendor)
    (vendor / "htm" / "htm.mjs").write_text("changed")
    (vendor / "marked" / "LICENSE").unlink()
    (vendor / "stray.js").write_text("")
    assert find_drift(read_manifest(), vendor) == [
        "htm/htm.mjs differs from htm 3.1.1",
        "marked/LICENSE is missing",
        "stray.js is not in VENDORED.json",
    ]


def test_the_pages_policy_allows_its_own_import_map_and_no_other_inline_script() -> None:
    page = PAGE.read_text(encoding="utf-8")
    [import_map] = re.findall(r'<script type="importmap">(.*?)</script>', page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    [allowed] = re.findall(r"script-src ([^;]*);", page)
    assert allowed == f"'self' 'sha256-{digest}'"


def test_no_module_of_the_page_is_much_longer_than_300_lines() -> None:
    own = [path for path in VENDOR.parent.rglob("*.js") if VENDOR not in path.parents]
    assert own
    assert [path.name for path in own if len(path.read_text(encoding="utf-8").splitlines()) > 320] == []
