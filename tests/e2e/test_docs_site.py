"""The documentation as a site: it builds without a warning, draws its diagrams, and asks no other host for anything."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from local.settings import ROOT
from tests.support.browser import open_page

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Build the site with `make docs`, and serve it."""
    done = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    handler = partial(QuietHandler, directory=str(ROOT / ".build/docs/site"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_diagrams_are_drawn_from_the_sites_own_script(site: str, profile: BrowserContext) -> None:
    with open_page(profile) as page:
        page.goto(f"{site}/architecture.html")
        expect(page.get_by_role("heading", name="Architecture", level=1)).to_be_visible()
        # The theme draws each diagram into a closed shadow root, in the place of its source.
        expect(page.locator("div.mermaid")).to_have_count(2)
        expect(page.locator("pre.mermaid")).to_have_count(0)


def test_the_readme_is_the_first_page_and_leads_to_the_others(site: str, profile: BrowserContext) -> None:
    with open_page(profile) as page:
        page.goto(f"{site}/index.html")
        page.locator('article a[href^="extending.html"]').first.click()
        expect(page).to_have_url(f"{site}/extending.html")


def test_the_tour_shows_its_pictures(site: str, profile: BrowserContext) -> None:
    with open_page(profile) as page:
        page.goto(f"{site}/tour.html")
        pictures = page.locator("article img")
        assert pictures.count() >= 6
        for picture in pictures.all():
            assert picture.evaluate("image => image.complete ? image.naturalWidth : image.decode().then(() => 1)") > 0
