"""Identity providers, through the running app: HTTP to the app, and HTTPS from the app to the provider."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.settings import load_settings
from tests.support import provider_tokens as tokens
from tests.support.aws import Aws
from tests.support.serving import serving
from tests.support.tls import Authority, make_authority
from tests.support.tls_issuer import TlsIssuer, jwk, new_ec_key, new_rsa_key, reply, running_tls_issuer, sign

pytestmark = pytest.mark.anyio

KEY = new_rsa_key()
Claims = Callable[..., dict[str, Any]]
EACH = pytest.mark.parametrize(
    ("preset", "place", "keys", "audience", "claims"),
    [
        ("cognito", "/pool", "/pool/.well-known/jwks.json", tokens.COGNITO_CLIENT, tokens.cognito_access),
        ("auth0", "/", "/.well-known/jwks.json", tokens.AUTH0_API, tokens.auth0_access),
        ("clerk", "", "/.well-known/jwks.json", tokens.CLERK_ORIGIN, tokens.clerk_v2),
        ("entra", "/{tenantid}/v2.0", "/common/discovery/v2.0/keys", tokens.ENTRA_API, tokens.entra_v2),
        ("supabase", "/auth/v1", "/auth/v1/.well-known/jwks.json", "authenticated", tokens.supabase),
    ],
    ids=["cognito", "auth0", "clerk", "entra", "supabase"],
)
CREATE = {
    "type": "threads.create",
    "params": {
        "input": {
            "content": [{"type": "input_text", "text": "Hello"}],
            "attachments": [],
            "inference_options": {},
        }
    },
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def provider(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsIssuer]:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    monkeypatch.setattr("assistant.identity.fetch.FETCH_SECONDS", 600.0)
    with running_tls_issuer(authority) as running:
        yield running


@contextmanager
def served(aws: Aws, **env: str) -> Iterator[str]:
    """Serve the app of `chat` on a port of this machine, and return its URL."""
    settings = load_settings(aws.environment(AUTH_MODE="jwt", LLM_PROVIDER="demo", CHAT_TURN_SECONDS="300", **env))
    with serving(create_app(Resources(settings), streaming=False)) as url:
        yield f"{url}/chatkit/api"


def bearer(claims: dict[str, Any], kid: str = "1") -> dict[str, str]:
    return {"authorization": f"Bearer {sign(KEY, claims, kid=kid)}"}


@EACH
async def test_a_user_of_each_provider_has_threads_of_their_own(
    aws_environment: Aws,
    provider: TlsIssuer,
    caplog: pytest.LogCaptureFixture,
    preset: str,
    place: str,
    keys: str,
    audience: str,
    claims: Claims,
) -> None:
    provider.publish(jwk(KEY, kid="1", use="sig"), path=keys)
    issuer = provider.origin + place
    env = {"AUTH_PRESET": preset, "AUTH_ISSUER": issuer, "AUTH_AUDIENCE": audience}
    ann, bob = bearer(claims(issuer, sub=f"{preset}-ann")), bearer(claims(issuer, sub=f"{preset}-bob"))
    expired, foreign = claims(issuer, exp=1), claims(f"https://evil.example{place}")
    with served(aws_environment, **env) as url:
        async with httpx2.AsyncClient(timeout=600) as client:
            assert (await client.post(url, json=CREATE, headers=ann)).status_code == 200
            listed = {"type": "threads.list", "params": {}}
            assert len((await client.post(url, json=listed, headers=ann)).json()["data"]) == 1
            assert (await client.post(url, json=listed, headers=bob)).json()["data"] == []
            for bad, reason in ((expired, "Expired"), (foreign, "AUTH_ISSUER")):
                caplog.clear()
                headers = bearer({**bad, "sub": "canary-user"})
                answer = await client.post(url, json=listed, headers=headers)
                assert answer.status_code == 401
                assert reason in caplog.text
                assert reason not in answer.text
                assert not [part for part in headers["authorization"].split(" ")[1].split(".") if part in caplog.text]
                assert "canary-user" not in caplog.text
    assert provider.fetches == 1


@EACH
async def test_each_provider_may_replace_its_key_and_be_slow_lie_and_be_down(
    aws_environment: Aws,
    provider: TlsIssuer,
    monkeypatch: pytest.MonkeyPatch,
    preset: str,
    place: str,
    keys: str,
    audience: str,
    claims: Claims,
) -> None:
    for name in ("COOLDOWN_SECONDS", "FAILURE_COOLDOWN_SECONDS"):
        monkeypatch.setattr(f"assistant.identity.key_set.{name}", 0)
    # Supabase signs with ES256, the others with RS256.
    new_key = new_ec_key if preset == "supabase" else new_rsa_key
    signing = {name: new_key() for name in ("old", "new", "next", "foreign")}
    issuer = provider.origin + place
    env = {"AUTH_PRESET": preset, "AUTH_ISSUER": issuer, "AUTH_AUDIENCE": audience}

    def publish(*names: str) -> None:
        provider.publish(*(jwk(signing[name], kid=name, use="sig") for name in names), path=keys)

    publish("old")
    with served(aws_environment, **env) as url:
        async with httpx2.AsyncClient(timeout=600) as client:

            async def status(name: str, kid: str | None = None) -> int:
                token = sign(signing[name], claims(issuer, sub=f"{preset}-rotated"), kid=kid or name)
                answer = await client.get(f"{url}/usage", headers={"authorization": f"Bearer {token}"})
                return answer.status_code

            assert await status("old") == 200
            publish("old", "new")
            assert [await status(name) for name in ("new", "old")] == [200, 200]
            # Without the old key, its tokens are refused as soon as the set has been fetched again.
            publish("new")
            assert [await status(name) for name in ("foreign", "old", "new")] == [401, 401, 200]
            assert await status("foreign", kid="new") == 401
            lies: tuple[Callable[[Any], None], ...] = (
                lambda handler: reply(handler, b"<html>Sign in</html>"),
                lambda handler: reply(handler, b"", 503),
                lambda handler: handler.connection.close(),
            )
            for provider.answer in lies:
                assert [await status(name) for name in ("new", "next")] == [200, 503]
            provider.answer = None
            publish("new", "next")
            while provider.arrived.acquire(blocking=False):
                pass
            provider.gate.clear()
            waiting = asyncio.create_task(status("next"))
            assert await asyncio.to_thread(provider.arrived.acquire, timeout=60)
            assert await status("new") == 200
            assert not waiting.done()
            provider.gate.set()
            assert await waiting == 200


async def test_invented_key_ids_and_a_slow_issuer_do_not_delay_a_user(
    aws_environment: Aws, provider: TlsIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.identity.key_set.COOLDOWN_SECONDS", 0)
    provider.publish(jwk(KEY, kid="1"))
    good = tokens.auth0_access(provider.origin, aud="chat")
    env = {"AUTH_ISSUER": provider.origin, "AUTH_AUDIENCE": "chat", "AUTH_TENANT": "acme"}
    with served(aws_environment, **env) as url:
        async with httpx2.AsyncClient(timeout=600) as client:
            assert (await client.get(f"{url}/usage", headers=bearer(good))).status_code == 200
            assert provider.arrived.acquire(timeout=60)
            provider.gate.clear()
            waiting = [
                asyncio.create_task(client.get(f"{url}/usage", headers=bearer(good, f"invented-{number}")))
                for number in range(6)
            ]
            assert await asyncio.to_thread(provider.arrived.acquire, timeout=60)
            for _ in range(3):
                assert (await client.get(f"{url}/usage", headers=bearer(good))).status_code == 200
            assert not any(task.done() for task in waiting)
            provider.gate.set()
            assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {401}


async def test_an_issuer_that_is_down_or_lies_is_503_until_it_is_back(
    aws_environment: Aws, provider: TlsIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.identity.key_set.FAILURE_COOLDOWN_SECONDS", 0)
    provider.publish(jwk(KEY, kid="1"))
    good = bearer(tokens.auth0_access(provider.origin, aud="chat"))
    env = {"AUTH_ISSUER": provider.origin, "AUTH_AUDIENCE": "chat", "AUTH_TENANT": "acme"}
    lies: list[Callable[[Any], None]] = [
        lambda handler: reply(handler, b"", 500),
        lambda handler: reply(handler, b"<html>Bad gateway</html>"),
        lambda handler: reply(handler, b"{}"),
        lambda handler: reply(handler, b"", 302, location="https://127.0.0.1:1/"),
        lambda handler: handler.connection.close(),
    ]
    with served(aws_environment, **env) as url:
        async with httpx2.AsyncClient(timeout=600) as client:
            for provider.answer in lies:
                answer = await client.get(f"{url}/usage", headers=good)
                assert answer.status_code == 503
                assert "retry-after" in answer.headers
                assert provider.origin not in answer.text
            provider.answer = None
            assert (await client.get(f"{url}/usage", headers=good)).status_code == 200
            provider.answer = lies[0]
            assert (await client.get(f"{url}/usage", headers=good)).status_code == 200
