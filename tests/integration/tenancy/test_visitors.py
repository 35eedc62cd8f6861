"""Each visitor is a person of their own, and what visitors can use is bounded."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import jwt
import pytest

from assistant.api import create_app, create_upload_app
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.identity import VISITOR_COOKIE, Caller
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.issuer import AUDIENCE, ISSUER, Issuer

pytestmark = pytest.mark.anyio

KEY, OLD_KEY = "k" * 32, "o" * 32
API = "/chatkit/api"
HELLO = {
    "type": "threads.create",
    "params": {
        "input": {"content": [{"type": "input_text", "text": "Hello"}], "attachments": [], "inference_options": {}}
    },
}
LIST = {"type": "threads.list", "params": {}}


class Site:
    """A deployment for visitors."""

    def __init__(self, aws: Aws, issuer: Issuer, **env: str) -> None:
        usual = {
            "AUTH_MODE": "visitor",
            "VISITOR_KEY": KEY,
            "AUTH_ISSUER": ISSUER,
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_JWKS_URL": issuer.url,
            "LLM_PROVIDER": "demo",
            "CHAT_TURN_SECONDS": "300",
            "THREAD_TITLES": "false",
            "VISITOR_ADDRESS_HEADER": "x-test-address",
            # The tests of a module share their table.
            "VISITORS_PER_DAY": "100000",
            "VISITORS_TURNS_PER_MINUTE": "50000",
        }
        self.resources = Resources(load_settings(aws.environment(**{**usual, **env})))

    def client(self, token: str | None = None, address: str = "203.0.113.1", **headers: str) -> httpx2.AsyncClient:
        """Return a client of `chat`, from an address."""
        sent = {"x-test-address": address, **headers}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        return client(create_app(self.resources, streaming=False), **sent)

    async def visit(self, address: str = "203.0.113.1", token: str | None = None) -> httpx2.Response:
        """Ask for a visitor's token."""
        async with self.client(token, address) as http:
            return await http.post(f"{API}/visitor")

    async def token(self, address: str) -> str:
        """Return the token of a new visitor."""
        answer = await self.visit(address)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    async def post(self, token: str | None, body: dict[str, Any]) -> httpx2.Response:
        """Send an operation."""
        async with self.client(token) as http:
            return await http.post(API, json=body)


def visitor_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


@pytest.fixture
def site(aws_environment: Aws, issuer: Issuer) -> Site:
    return Site(aws_environment, issuer)


async def test_visitors_do_not_see_each_other_and_users_see_no_visitor(site: Site, issuer: Issuer) -> None:
    ann, bob = await site.token("198.51.100.1"), await site.token("198.51.100.1")
    created = await site.post(ann, HELLO)
    assert created.status_code == 200, created.text
    assert len((await site.post(ann, LIST)).json()["data"]) == 1
    assert (await site.post(bob, LIST)).json()["data"] == []
    thread = (await site.post(ann, LIST)).json()["data"][0]["id"]
    read = {"type": "threads.get_by_id", "params": {"thread_id": thread}}
    assert (await site.post(ann, read)).status_code == 200
    for other in (bob, issuer.token(sub="ann"), issuer.token(sub=visitor_of(ann), tenant_id="acme")):
        assert (await site.post(other, read)).status_code == 404
        delete = {"type": "threads.delete", "params": {"thread_id": thread}}
        await site.post(other, delete)
        assert (await site.post(ann, read)).status_code == 200


async def test_without_a_token_nobody_is_served(site: Site) -> None:
    assert (await site.post(None, LIST)).status_code == 401


async def test_a_visitor_who_comes_back_stays_the_same_and_is_not_counted(aws_environment: Aws, issuer: Issuer) -> None:
    site = Site(aws_environment, issuer, VISITORS_PER_ADDRESS="1")
    first = await site.token("198.51.100.2")
    for _ in range(3):
        again = await site.visit("198.51.100.2", first)
        assert again.status_code == 200
        assert visitor_of(again.json()["token"]) == visitor_of(first)
    assert (await site.visit("198.51.100.2")).status_code == 429


async def test_an_address_gets_a_limited_number_of_visitors(aws_environment: Aws, issuer: Issuer) -> None:
    site = Site(aws_environment, issuer, VISITORS_PER_ADDRESS="2")
    # A device of a network with IPv6 has many addresses. CloudFront adds the port.
    same = ["2001:db8:0:1::1", "2001:db8:0:1::2", "[2001:db8:0:1:ffff::3]:50000"]
    answers = [await site.visit(address) for address in same]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["retry-after"]) <= 86_400
    assert (await site.visit("2001:db8:0:2::1")).status_code == 200
    ports = [(await site.visit(f"198.51.100.3:{port}")).status_code for port in (1, 2, 3)]
    assert ports == [200, 200, 429]
    # Requests without an address share one.
    assert [(await site.visit("")).status_code for _ in range(3)] == [200, 200, 429]
    # A proxy adds its view at the end; the client writes what stands before.
    assert (await site.visit("192.0.2.99, 198.51.100.3")).status_code == 429


@pytest.mark.usefixtures("aws_environment")
async def test_a_day_has_a_limited_number_of_visitors(fresh_table_and_bucket: Aws, issuer: Issuer) -> None:
    site = Site(fresh_table_and_bucket, issuer, VISITORS_PER_DAY="3")
    answers = [(await site.visit(f"198.51.100.{number}")).status_code for number in range(10, 15)]
    assert answers == [200, 200, 200, 429, 429]


@pytest.mark.usefixtures("aws_environment")
async def test_the_table_does_not_hold_the_address(fresh_table_and_bucket: Aws, issuer: Issuer) -> None:
    site = Site(fresh_table_and_bucket, issuer)
    await site.token("198.51.100.77")
    rows = fresh_table_and_bucket.client("dynamodb").scan(TableName=fresh_table_and_bucket.table_name)["Items"]
    assert len(rows) == 2
    assert "198.51.100" not in str(rows)
    assert all("ttl" in row for row in rows)


async def test_a_visitor_has_a_quota_and_so_have_all_visitors_together(aws_environment: Aws, issuer: Issuer) -> None:
    site = Site(aws_environment, issuer, VISITOR_TURNS_PER_MINUTE="1", VISITOR_TENANT="quota-one")
    ann, bob = await site.token("198.51.100.20"), await site.token("198.51.100.20")
    statuses = [(await site.post(token, HELLO)).status_code for token in (ann, ann, bob)]
    assert statuses == [200, 429, 200]
    site = Site(aws_environment, issuer, VISITORS_TURNS_PER_MINUTE="2", VISITOR_TENANT="quota-all")
    tokens = [await site.token("198.51.100.21") for _ in range(3)]
    assert [(await site.post(token, HELLO)).status_code for token in tokens] == [200, 200, 429]
    # A user who has signed in has the users' limits.
    user = issuer.token(sub="quota-user", tenant_id="quota-users")
    assert [(await site.post(user, HELLO)).status_code for _ in range(3)] == [200, 200, 200]


async def test_visitors_threads_expire_and_users_threads_do_not(site: Site, issuer: Issuer) -> None:
    visitor, user = await site.token("198.51.100.30"), issuer.token(sub="keeps", tenant_id="acme")
    expires: list[Any] = []
    for token, caller in (
        (visitor, Caller("visitors", visitor_of(visitor))),
        (user, Caller("acme", "keeps")),
    ):
        await site.post(token, HELLO)
        thread = (await site.post(token, LIST)).json()["data"][0]["id"]
        row = await site.resources.table.get(Key(caller.thread(thread).partition, keys.META_SK))
        assert row is not None
        expires.append(row.get("expires_at"))
    days = (expires[0] - time.time()) / 86_400
    assert 6.9 < days < 7.1
    assert expires[1] is None


def forged(key: str | None = KEY, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {
        "iss": "chatkit-visitors",
        "aud": "chatkit-visitors",
        "sub": "visitor_" + "0" * 32,
        "exp": int(time.time()) + 300,
        **changes,
    }
    return jwt.encode(claims, key, algorithm=algorithm)  # type: ignore[arg-type] # None for an unsigned token


@pytest.mark.parametrize(
    "token",
    [
        forged(key="x" * 32),
        forged(key=None, algorithm="none"),
        forged(algorithm="HS512", key=KEY * 2),
        forged(exp=int(time.time()) - 3600),
        forged(aud="another"),
        forged(sub="ann"),
        forged(sub="visitor_" + "0" * 33),
        forged(sub="visitor_" + "0" * 32 + "\n"),
        forged(iss="chatkit-visitors/"),
    ],
    ids=["key", "none", "algorithm", "expired", "audience", "user", "longer", "newline", "issuer"],
)
async def test_a_forged_visitor_is_nobody(site: Site, token: str) -> None:
    assert (await site.post(forged(), LIST)).status_code == 200
    assert (await site.post(token, LIST)).status_code == 401
    async with client(create_upload_app(site.resources), authorization=f"Bearer {token}") as upload:
        files = {"file": ("a.txt", b"Hello", "text/plain")}
        assert (await upload.post(f"{API}/upload", files=files)).status_code == 401


async def test_a_visitor_can_upload(site: Site) -> None:
    token = await site.token("198.51.100.40")
    async with client(create_upload_app(site.resources), authorization=f"Bearer {token}") as upload:
        files = {"file": ("a.txt", b"Hello", "text/plain")}
        assert (await upload.post(f"{API}/upload", files=files)).status_code == 200


async def test_a_key_can_be_changed_while_visitors_stay(aws_environment: Aws, issuer: Issuer) -> None:
    before = await Site(aws_environment, issuer, VISITOR_KEY=OLD_KEY).token("198.51.100.50")
    both = Site(aws_environment, issuer, VISITOR_KEY=f"{KEY}, {OLD_KEY}")
    assert (await both.post(before, LIST)).status_code == 200
    renewed = str((await both.visit("198.51.100.50", before)).json()["token"])
    after = Site(aws_environment, issuer)
    assert (await after.post(renewed, LIST)).status_code == 200
    assert (await after.post(before, LIST)).status_code == 401


async def test_a_short_key_signs_nothing(aws_environment: Aws, issuer: Issuer) -> None:
    assert (await Site(aws_environment, issuer, VISITOR_KEY="k" * 31).visit()).status_code == 500


@pytest.mark.parametrize("mode", ["jwt", "guest"])
async def test_other_deployments_have_no_visitors(aws_environment: Aws, issuer: Issuer, mode: str) -> None:
    site = Site(aws_environment, issuer, AUTH_MODE=mode)
    assert (await site.visit()).status_code == 404
    assert (await site.post(forged(), LIST)).status_code == 401


async def test_a_cookie_carries_the_token_out_of_the_reach_of_scripts(aws_environment: Aws, issuer: Issuer) -> None:
    site = Site(aws_environment, issuer, VISITOR_COOKIE="true")
    answer = await site.visit("198.51.100.60")
    assert answer.json().keys() == {"expires_in"}
    value, *attributes = answer.headers["set-cookie"].split("; ")
    assert set(attributes) >= {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"}
    assert value.startswith(f"{VISITOR_COOKIE}=")
    async with site.client(cookie=f"other=1; {value}") as http:
        assert (await http.post(API, json=HELLO)).status_code == 200
        assert len((await http.post(API, json=LIST)).json()["data"]) == 1
        renewed = await http.post(f"{API}/visitor")
        assert visitor_of(renewed.headers["set-cookie"].split(";")[0].partition("=")[2]) == visitor_of(
            value.partition("=")[2]
        )
    # Only a visitor's token is read from the cookie, and only where the deployment says so.
    async with site.client(cookie=f"{VISITOR_COOKIE}={issuer.token()}") as http:
        assert (await http.post(API, json=LIST)).status_code == 401
    async with Site(aws_environment, issuer).client(cookie=value) as http:
        assert (await http.post(API, json=LIST)).status_code == 401


async def test_a_page_of_another_site_cannot_use_the_cookie(aws_environment: Aws, issuer: Issuer) -> None:
    site = Site(aws_environment, issuer, VISITOR_COOKIE="true", ALLOWED_ORIGINS="https://app.example.com")
    value = (await site.visit("198.51.100.61")).headers["set-cookie"].split(";")[0]
    for origin, status in (("https://evil.example.com", 403), ("https://app.example.com", 200)):
        headers = {"cookie": value, "origin": origin, "sec-fetch-site": "same-site"}
        async with site.client(**headers) as http:
            answer = await http.post(API, json=LIST)
        assert answer.status_code == status
        allowed = answer.headers.get("access-control-allow-origin")
        assert allowed == (origin if status == 200 else None)
