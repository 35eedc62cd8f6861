"""Pages of allowed origins may call the API and can read its errors."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from assistant.api import create_app, create_upload_app
from assistant.context import Resources
from assistant.settings import Settings
from tests.support.asgi import client

pytestmark = pytest.mark.anyio

PAGE = "https://app.example"
CONTRACT_HEADERS = {
    "content-type",
    "authorization",
    "x-authorization",
    "accept",
    "accept-language",
    "chatkit-frame-instance-id",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "x-amz-content-sha256",
}
PATHS = ["/chatkit/api", "/chatkit/api/cancel", "/chatkit/api/usage", "/health"]


def preflight(headers: str = ",".join(sorted(CONTRACT_HEADERS)), origin: str = PAGE) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": headers,
    }


@pytest.mark.parametrize("path", PATHS)
async def test_a_preflight_needs_no_token_and_allows_what_the_contract_names(path: str) -> None:
    app = create_app(Resources(Settings(auth_mode="jwt", allowed_origins=(PAGE,))), streaming=False)
    async with client(app) as web:
        answer = await web.options(path, headers=preflight())
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    # Starlette adds the header that every page may send anyway.
    assert allowed - {"content-language"} == CONTRACT_HEADERS


async def test_the_upload_is_allowed_as_well() -> None:
    app = create_upload_app(Resources(Settings(auth_mode="jwt", allowed_origins=(PAGE,))))
    async with client(app) as web:
        answer = await web.options("/chatkit/api/upload", headers=preflight())
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)


async def test_another_header_is_refused(app: FastAPI) -> None:
    async with client(app) as web:
        assert (await web.options("/chatkit/api", headers=preflight("x-other"))).status_code == 400


async def test_another_origin_gets_no_permission(app: FastAPI) -> None:
    async with client(app) as web:
        refused = await web.options("/chatkit/api", headers=preflight(origin="https://evil.example"))
        answered = await web.get("/health", headers={"Origin": "https://evil.example"})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in answered.headers


async def test_answers_expose_what_the_contract_names(app: FastAPI) -> None:
    async with client(app) as web:
        answer = await web.get("/health", headers={"Origin": PAGE})
    exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed == {"retry-after", "www-authenticate", "x-turn-id", "x-person", "x-working", "x-next"}


async def test_every_error_can_be_read_by_the_page(app: FastAPI) -> None:
    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError("nobody expected this")

    async with client(app) as web:
        answers = [
            await web.post("/chatkit/api", content=b"{", headers={"Origin": PAGE}),
            await web.get("/chatkit/api/usage", headers={"Origin": PAGE, "Authorization": "Bearer nonsense"}),
            await web.get("/nowhere", headers={"Origin": PAGE}),
            await web.delete("/health", headers={"Origin": PAGE}),
            await web.get("/boom", headers={"Origin": PAGE}),
        ]
    assert [answer.status_code for answer in answers] == [400, 401, 404, 405, 500]
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {PAGE}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_page_of_another_origin_changes_nothing_by_a_request_that_needs_no_preflight(
    app: FastAPI, site: str
) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": site, "Content-Type": "text/plain"}
    async with client(app) as web:
        answer = await web.post("/chatkit/api", content=b'{"type":"threads.list","params":{}}', headers=headers)
    assert answer.status_code == 403
    assert "https://evil.example" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"},
        # What a development server that passes requests on says of its own page.
        {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost:5173"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=["allowed", "behind the frontend's own server", "without fetch metadata", "no page at all"],
)
async def test_a_page_that_is_allowed_or_of_our_own_origin_is_not_refused(
    app: FastAPI, headers: dict[str, str]
) -> None:
    async with client(app) as web:
        # The request is looked at, so it was let in.
        assert (await web.post("/chatkit/api", content=b"{", headers=headers)).status_code == 400


async def test_a_star_lets_every_page_in() -> None:
    app = create_app(Resources(Settings(auth_mode="guest", allowed_origins=("*",))), streaming=False)
    async with client(app) as web:
        answer = await web.get("/health", headers={"Origin": "https://any.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
