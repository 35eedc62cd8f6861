"""The scripted server, and a page open on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.vendor import fetch, read_manifest
from tests.e2e.playground.app import Gallery
from tests.e2e.playground.backend import Backend
from tests.support.browser import open_page
from tests.support.chat_page import Chat

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture(scope="session")
def gallery() -> Iterator[Gallery]:
    with Gallery().serving() as gallery:
        yield gallery


@pytest.fixture(scope="session")
def packages(gallery: Gallery) -> Path:
    """Packages that only tests need, where pages find them below /packages; skips when npm cannot get them."""
    files = read_manifest(Path(__file__).parent / "packages.json")
    try:
        fetch(files, gallery.packages)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"NO PACKAGES: npm could not get what the test needs: {error}")
    return gallery.packages


@pytest.fixture
def backend(gallery: Gallery) -> Backend:
    """The server's state, fresh for this test."""
    return gallery.fresh()


@pytest.fixture
def chat(profile: BrowserContext, gallery: Gallery, backend: Backend) -> Iterator[Chat]:
    with open_page(profile) as page:
        yield Chat(page, gallery.url)
