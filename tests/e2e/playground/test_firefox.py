"""The page in Firefox: what another engine could draw or do otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.playground.app import Gallery
from tests.e2e.playground.backend import Backend
from tests.support.firefox import Firefox, running_firefox

KIT = "document.querySelector('openai-chatkit')?.shadowRoot"

AXE = """axe.run({preload: false})
  .then(({violations}) => violations.map(({id, nodes}) => `${id}: ${nodes[0].html.slice(0, 150)}`))"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with running_firefox(tmp_path_factory.mktemp("firefox")) as browser:
        yield browser


@pytest.fixture
def page(firefox: Firefox, gallery: Gallery, backend: Backend) -> Iterator[Firefox]:
    """The page with a new chat; its scripts must throw nothing."""
    firefox.resize(1280, 860)
    firefox.open("about:blank")
    firefox.open(f"{gallery.url}/")
    firefox.wait_for(f"!!{KIT}?.querySelector('.composer textarea')")
    firefox.errors.clear()
    yield firefox
    assert firefox.errors == []


def send(page: Firefox, text: str) -> None:
    page.evaluate(f"{KIT}.querySelector('.composer textarea').focus()")
    page.keys(*text, "Enter")


def finished(page: Firefox) -> None:
    page.wait_for(f"[...{KIT}.querySelectorAll('[role=status]')].some((each) => each.textContent === 'Ready')")


def answer(page: Firefox) -> str:
    text: str = page.evaluate(
        f"[...{KIT}.querySelectorAll('[data-item-type=assistant_message]')].at(-1)?.innerText ?? ''"
    )
    return text


def test_words_stream_and_a_reload_shows_them(page: Firefox) -> None:
    send(page, "hello")
    finished(page)
    assert answer(page).strip() == "You said: hello"
    page.evaluate("location.reload()")
    page.wait_for(f"{KIT}?.querySelector('[data-item-type=assistant_message]') != null")
    assert answer(page).strip() == "You said: hello"


def test_escape_stops(page: Firefox, backend: Backend) -> None:
    send(page, "slow")
    page.wait_for(f"{KIT}.textContent.includes('word3')")
    page.keys("Escape")
    finished(page)
    assert len(backend.requests("/chatkit/api/cancel")) == 1


def test_code_and_formulas_are_drawn(page: Firefox) -> None:
    send(page, "rich")
    finished(page)
    page.wait_for(f"{KIT}.querySelectorAll('math').length === 2")
    page.wait_for(f"{KIT}.querySelector('.hljs-keyword')?.textContent === 'def'")


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(page: Firefox, packages: Path, width: int) -> None:
    page.resize(width, 844)
    for script in ("notice", "sources", "widget form", "rich", "fail-once"):
        send(page, script)
        finished(page)
    page.run((packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    for theme in ("light", "dark"):
        page.evaluate(
            f"document.documentElement.dataset.theme !== '{theme}' && document.getElementById('theme').click()"
        )
        found = page.evaluate(AXE)
        assert found == []
