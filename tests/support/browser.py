"""A real headless Chromium for tests, kept off the network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize

# What a browser in a container needs, and what keeps it from calling home.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whatever is not for this machine goes to a proxy that is not there: quicker than to route each request.
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=127.0.0.1",
    # Dictation is tested with the tone that Chromium makes in place of a microphone.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
VIEWPORT: ViewportSize = {"width": 1000, "height": 900}
# Two cores serve several workers: a drawing may take a while, and no test asserts how long.
TIMEOUT_MILLISECONDS = 60_000
# Each tab begins without what an earlier one kept; a reload finds what its own tab kept. An empty page keeps nothing.
FORGET = """
if (location.protocol === "http:" && !sessionStorage.getItem("tab")) {
  localStorage.clear();
  sessionStorage.setItem("tab", "1");
}
"""
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def find_chromium() -> str:
    """Return the browser's path: `CHROMIUM` in the environment, else the one on the path.

    Raises:
        pytest.skip.Exception: There is none, and how to get one.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            pytest.fail(f"CHROMIUM={named} is no program")
        return named
    for name in NAMES:
        if path := shutil.which(name):
            return path
    pytest.skip("NO BROWSER: install Debian's chromium and fonts-liberation, or set CHROMIUM to a browser's path")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start Chromium, and stop it again."""
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def new_profile(browser: Browser) -> BrowserContext:
    """Make a profile. Its pages share a cache, which saves most of a page's loading time; nothing else lasts."""
    context = browser.new_context(viewport=VIEWPORT, permissions=["clipboard-read", "clipboard-write", "microphone"])
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    context.add_init_script(FORGET)
    return context


@contextmanager
def open_page(profile: BrowserContext) -> Iterator[Page]:
    """Open a page; fail if it asked for another machine, met an error of its own or broke its own policy.

    Raises:
        AssertionError: At the end: the page called a host other than 127.0.0.1, or a script of it threw.
    """
    escaped: list[str] = []
    errors: list[str] = []

    def watch(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname != "127.0.0.1":
            escaped.append(request.url)

    page = profile.new_page()
    page.on("request", watch)
    page.on("pageerror", lambda error: errors.append(f"{error.message}\n{error.stack}"))
    page.on(
        "console",
        lambda message: errors.append(message.text) if "Content Security Policy" in message.text else None,
    )
    try:
        yield page
    finally:
        page.close()
    assert not escaped, f"the page called {escaped}"
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="module")
def profile() -> Iterator[BrowserContext]:
    """A browser's profile that the tests of a file share.

    Playwright's synchronous client keeps an event loop running in this thread, so it must be gone before the next
    file's asynchronous tests.
    """
    with running_browser() as browser:
        yield new_profile(browser)
