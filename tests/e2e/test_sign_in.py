"""The example page signs in at the sign-in pages of a Cognito user pool, which the stack's template has made.

The local AWS's Cognito serves its own sign-in pages. It checks PKCE, and its tokens have real signatures.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from local.emulator import Emulator
from tests.support.browser import open_page
from tests.support.chat_page import Chat
from tests.support.cognito import PASSWORD, UserPool, deploy_user_pool
from tests.support.dev import DevServer
from tests.support.frontend import FRONTEND, free_ports, preview, run_npm

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request, Route

pytestmark = pytest.mark.exhaustive

# A first turn on a busy machine.
TURN_MILLISECONDS = 60_000
AUTHORIZE = re.compile(r"/oauth2/authorize")
TOKEN = re.compile(r"/oauth2/token$")
# The page's tokens count as expired from now on.
EXPIRE = """() => {
  const tokens = JSON.parse(sessionStorage.getItem("sign-in.tokens"));
  sessionStorage.setItem("sign-in.tokens", JSON.stringify({ ...tokens, expires: 0 }));
  return tokens.refresh;
}"""


@dataclass(frozen=True)
class Site:
    """The page, the pool that it signs in at, and the dev server that accepts the pool's tokens."""

    url: str
    pool: UserPool
    server: DevServer


@pytest.fixture(scope="module")
def site(frontend: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("sign-in")
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    # Another test replaces the source of the token in the shared copy.
    ignored = shutil.ignore_patterns("node_modules", "dist", ".env.local", "packages")
    shutil.copytree(FRONTEND, folder / "page", ignore=ignored)
    (folder / "page" / "node_modules").symlink_to(frontend / "node_modules")
    with Emulator(folder / "aws") as emulator:
        pool = deploy_user_pool(emulator, f"{url}/")
        server = DevServer(
            folder / "dev",
            {
                "ALLOWED_ORIGINS": url,
                "AUTH_MODE": "jwt",
                "AUTH_PRESET": "cognito",
                "AUTH_ISSUER": pool.issuer,
                "AUTH_JWKS_URL": pool.jwks_url,
                "AUTH_AUDIENCE": pool.client_id,
                "AUTH_TENANT": "acme",
            },
        )
        settings = {
            "VITE_STREAM_URL": server.stream_url.removesuffix("chatkit/api"),
            "VITE_API_URL": server.chat_url.removesuffix("chatkit/api"),
            "VITE_SIGN_IN_URL": pool.url,
            "VITE_SIGN_IN_CLIENT_ID": pool.client_id,
            "STAND_IN": server.origin,
        }
        try:
            run_npm(folder / "page", "run", "build", **settings)
            with preview(folder / "page", port, settings):
                yield Site(url, pool, server)
        finally:
            server.stop()


@dataclass
class Visit:
    """One tab of the site, and the user whom it signs in.

    Attributes:
        requests: What the page has sent to the token endpoint.
    """

    site: Site
    page: Page
    email: str
    requests: list[dict[str, str]]

    def open(self, path: str = "/") -> None:
        self.page.goto(f"{self.site.url}{path}")

    def sign_in(self) -> Chat:
        """Sign in, and return the chat."""
        self.page.get_by_role("button", name="Sign in").click()
        self.fill_in_the_sign_in_page()
        chat = Chat(self.page, self.site.url)
        chat.composer.wait_for()
        return chat

    def fill_in_the_sign_in_page(self) -> None:
        self.page.get_by_label("Username").fill(self.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()

    def expect_refusal(self, words: str) -> None:
        """Expect a message, the button to sign in, and no tokens."""
        expect(self.page.get_by_role("alert")).to_contain_text(words)
        expect(self.page.get_by_role("button", name="Sign in")).to_be_visible()
        assert self.page.evaluate("sessionStorage.getItem('sign-in.tokens')") is None
        assert "code=" not in self.page.url


@pytest.fixture
def visit(site: Site, profile: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Visit]:
    email = f"{request.node.name}@example.com"
    site.pool.add_user(email)
    expect.set_options(timeout=TURN_MILLISECONDS)
    requests: list[dict[str, str]] = []

    def note(sent: Request) -> None:
        if TOKEN.search(sent.url):
            requests.append({name: values[0] for name, values in parse_qs(sent.post_data or "").items()})

    with open_page(profile) as page:
        page.on("request", note)
        yield Visit(site, page, email, requests)


def test_a_user_signs_in_talks_and_stays_signed_in_after_a_reload(visit: Visit) -> None:
    visit.open()
    chat = visit.sign_in()
    assert visit.page.url == f"{visit.site.url}/"
    chat.send("hello")
    expect(chat.items("assistant_message").last).to_be_visible()
    [asked] = visit.requests
    assert asked["grant_type"] == "authorization_code"
    assert len(asked["code_verifier"]) == 43
    assert "client_secret" not in asked
    visit.page.reload()
    expect(chat.items("user_message")).to_have_count(1)
    assert len(visit.requests) == 1, "the reload has signed in again"
    # The server knows the user by the token, so a guest is refused.
    kept = json.loads(visit.page.evaluate("sessionStorage.getItem('sign-in.tokens')"))
    assert set(kept) == {"access", "refresh", "expires"}


def test_an_expired_token_is_replaced_once_for_all_requests(visit: Visit) -> None:
    visit.open()
    chat = visit.sign_in()
    old = visit.page.evaluate(EXPIRE)
    chat.send("hello")
    expect(chat.items("assistant_message").last).to_be_visible()
    refreshes = [asked for asked in visit.requests if asked["grant_type"] == "refresh_token"]
    assert [asked["refresh_token"] for asked in refreshes] == [old]


def test_a_user_whose_session_has_ended_signs_in_again(visit: Visit) -> None:
    visit.open()
    chat = visit.sign_in()
    visit.page.evaluate(EXPIRE)
    visit.site.pool.sign_out_everywhere(visit.email)
    chat.send("hello")
    visit.expect_refusal("session has ended")
    visit.sign_in()


def test_a_code_that_this_tab_has_not_asked_for_is_not_used(visit: Visit) -> None:
    visit.open("/?code=stolen&state=foreign")
    visit.expect_refusal("was not started here")
    assert not visit.requests


def test_a_started_sign_in_refuses_another_state(visit: Visit) -> None:
    _change_the_authorization_request(visit.page, state="foreign")
    visit.open()
    visit.page.get_by_role("button", name="Sign in").click()
    visit.fill_in_the_sign_in_page()
    visit.expect_refusal("was not started here")
    assert not visit.requests


def test_an_id_token_with_another_nonce_is_refused(visit: Visit) -> None:
    _change_the_authorization_request(visit.page, nonce="foreign")
    visit.open()
    visit.page.get_by_role("button", name="Sign in").click()
    visit.fill_in_the_sign_in_page()
    visit.expect_refusal("not for this page")


def test_a_code_is_worthless_without_its_verifier(visit: Visit) -> None:
    # The challenge is that of the RFC's example, whose verifier this page does not have.
    _change_the_authorization_request(visit.page, code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    visit.open()
    visit.page.get_by_role("button", name="Sign in").click()
    visit.fill_in_the_sign_in_page()
    visit.expect_refusal("Please sign in again")
    assert len(visit.requests) == 1


def test_an_error_of_the_sign_in_pages_is_shown(visit: Visit) -> None:
    # Cognito answers so when the client may not have the scope.
    _change_the_authorization_request(visit.page, scope="openid phone")
    visit.open()
    visit.page.get_by_role("button", name="Sign in").click()
    visit.expect_refusal("The sign-in failed: invalid_scope")


def test_signing_out_forgets_the_tokens_here_and_at_the_pool(visit: Visit) -> None:
    visit.open()
    visit.sign_in()
    with visit.page.expect_request(re.compile("/logout")) as left:
        visit.page.get_by_role("button", name="Sign out").click()
    query = parse_qs(urlsplit(left.value.url).query)
    assert query == {"client_id": [visit.site.pool.client_id], "logout_uri": [f"{visit.site.url}/"]}
    visit.open()
    expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()


def _change_the_authorization_request(page: Page, **changed: str) -> None:
    """Change parameters of the page's authorisation request on its way."""

    def change(route: Route) -> None:
        parts = urlsplit(route.request.url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        location = parts._replace(query=urlencode({**query, **changed})).geturl()
        route.fulfill(status=302, headers={"location": location})

    page.route(AUTHORIZE, change, times=1)
