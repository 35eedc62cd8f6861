"""The links and paths in the documentation exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local.settings import ROOT
from tests.support.sample import is_gone

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "frontend" / "README.md"])
# Paths that the reader of docs/extending.md creates.
OF_THE_READER = {"layers/agents/agents.toml", "layers/agents/acme", "layers/agents/support"}


def _anchors(document: Path) -> list[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return [re.sub(r"[^a-z0-9 _-]", "", each.lower()).replace(" ", "-") for each in headings]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", document.read_text())
    for path, anchor in links:
        target = document.parent / path if path else document
        assert target.exists(), path
        assert not anchor or anchor in _anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_path_that_is_named_is_there(document: Path) -> None:
    folders = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and path.name.isalpha())
    for path in (
        set(re.findall(rf"`((?:{folders}|assistant|helpdesk)/[\w./-]+)`", document.read_text())) - OF_THE_READER
    ):
        # A package of the layer is named without the layer, and a module may be named without its ending.
        place = f"layers/agents/{path}" if path.startswith(("assistant/", "helpdesk/")) else path
        assert is_gone(path) or list(ROOT.glob(f"{place}*")), path


def test_the_map_names_every_package() -> None:
    picture = (ROOT / "docs" / "architecture.md").read_text().partition("## The path of a message")[0]
    packages = {path.parent.name for path in (ROOT / "layers/agents/assistant").glob("*/__init__.py")}
    assert packages == {name for name in packages if re.search(rf"\b{name}\b", picture)}


def test_the_documents_have_links_and_paths_to_look_at() -> None:
    text = "".join(document.read_text() for document in DOCUMENTS)
    assert len(re.findall(r"\]\((?!https?:)", text)) > 20
    assert "`layers/agents/assistant" in text
