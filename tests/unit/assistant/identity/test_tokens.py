"""The caller comes only from a verified token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jwt
import pytest

from assistant.errors import ConfigurationError, StoreUnavailableError, UnauthorizedError
from assistant.identity import Authenticator, Caller, key_set
from assistant.settings import AuthMode, Settings
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, running_issuer

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture(params=["jwt", "guest"])
def mode(request: pytest.FixtureRequest) -> AuthMode:
    """A token that is sent is verified alike in both modes."""
    chosen: AuthMode = request.param
    return chosen


@pytest.fixture
def settings(issuer: Issuer, mode: AuthMode) -> Settings:
    return Settings(auth_mode=mode, auth_issuer=(ISSUER,), auth_audience=(AUDIENCE,), auth_jwks_url=(issuer.url,))


async def caller_of(settings: Settings, token: str, header: str = "authorization") -> Caller:
    return await Authenticator(settings).caller({header: f"Bearer {token}"})


def unsigned_part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("key", ["rsa", "ec"])
async def test_a_token_says_who_is_calling(settings: Settings, issuer: Issuer, key: str) -> None:
    assert await caller_of(settings, issuer.token(key)) == Caller("acme", "ann", "admin")


async def test_a_token_without_a_role_is_a_user_s(settings: Settings, issuer: Issuer) -> None:
    assert await caller_of(settings, issuer.token(without=("role",))) == Caller("acme", "ann", "user")


async def test_other_names_of_the_claims_can_be_set(settings: Settings, issuer: Issuer) -> None:
    named = replace(settings, auth_tenant_claim=("https://example/org",), auth_role_claim=("groups",))
    token = issuer.token(without=("tenant_id",), **{"https://example/org": "globex", "groups": "agent"})
    assert await caller_of(named, token) == Caller("globex", "ann", "agent")


async def test_a_name_comes_from_the_claim_and_identifies_nobody(settings: Settings, issuer: Issuer) -> None:
    caller = await caller_of(settings, issuer.token(name="Ann Lee", given_name="Ann"))
    assert (caller, caller.name) == (Caller("acme", "ann", "admin"), "Ann Lee")
    named = replace(settings, auth_name_claim=("nickname", "given_name"))
    assert (await caller_of(named, issuer.token(name="Ann Lee", given_name="Ann"))).name == "Ann"
    for claims in ({}, {"name": ["Ann"]}, {"name": 7}):
        assert (await caller_of(settings, issuer.token(**claims))).name is None


async def test_another_header_can_carry_the_token(settings: Settings, issuer: Issuer) -> None:
    moved = replace(settings, auth_header="x-authorization")
    assert (await caller_of(moved, issuer.token(), header="x-authorization")).user_id == "ann"
    if settings.auth_mode == "jwt":
        # CloudFront puts its own signature into Authorization.
        with pytest.raises(UnauthorizedError):
            await caller_of(moved, issuer.token(), header="authorization")


async def test_the_scheme_is_read_in_any_case(settings: Settings, issuer: Issuer) -> None:
    assert await Authenticator(settings).caller({"authorization": f"bearer  {issuer.token()} "})


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic YW5uOnNlY3JldA==", "nonsense", "Bearer a.b.c"])
async def test_a_header_that_holds_no_token_is_refused(settings: Settings, header: str) -> None:
    with pytest.raises(UnauthorizedError):
        await Authenticator(settings).caller({"authorization": header})


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-app"},
        {"aud": ["another-app"]},
        {"iss": "https://evil.example/"},
        {"exp": int(time.time()) - 3600},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
    ],
    ids=["audience", "audiences", "issuer", "expired", "not yet", "from the future"],
)
async def test_a_token_for_something_else_is_refused(
    settings: Settings, issuer: Issuer, changes: dict[str, Any]
) -> None:
    with pytest.raises(UnauthorizedError):
        await caller_of(settings, issuer.token(**changes))


@pytest.mark.parametrize("missing", ["aud", "iss", "exp", "sub", "tenant_id"])
async def test_a_token_that_lacks_a_claim_is_refused(settings: Settings, issuer: Issuer, missing: str) -> None:
    with pytest.raises(UnauthorizedError):
        await caller_of(settings, issuer.token(without=(missing,)))


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant_id": ""},
        {"tenant_id": 5},
        {"tenant_id": ["acme"]},
        {"tenant_id": "a\x00b"},
        {"tenant_id": "x" * 601},
        {"sub": ""},
    ],
)
async def test_a_claim_that_cannot_be_part_of_a_key_is_refused(
    settings: Settings, issuer: Issuer, changes: dict[str, Any]
) -> None:
    with pytest.raises(UnauthorizedError):
        await caller_of(settings, issuer.token(**changes))


@pytest.mark.parametrize("role", [7, {"name": "admin"}, True])
async def test_a_role_that_is_neither_a_text_nor_a_list_is_refused(
    settings: Settings, issuer: Issuer, role: object
) -> None:
    with pytest.raises(UnauthorizedError) as raised:
        await caller_of(settings, issuer.token(role=role))
    assert "role" in str(raised.value.fix)


async def test_a_token_of_an_unknown_key_is_refused(settings: Settings, issuer: Issuer) -> None:
    with pytest.raises(UnauthorizedError):
        await caller_of(settings, issuer.token("stranger"))


async def test_a_token_that_borrows_a_known_key_s_id_is_refused(settings: Settings, issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    forged = jwt.encode(claims, issuer.keys["stranger"], algorithm="ES256", headers={"kid": "ec"})
    with pytest.raises(UnauthorizedError):
        await caller_of(settings, forged)


async def test_a_token_whose_claims_were_changed_is_refused(settings: Settings, issuer: Issuer) -> None:
    header, _, signature = issuer.token().split(".")
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    forged = f"{header}.{unsigned_part({**claims, 'tenant_id': 'globex'})}.{signature}"
    with pytest.raises(UnauthorizedError):
        await caller_of(settings, forged)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
async def test_an_unsigned_token_is_refused(settings: Settings, issuer: Issuer, algorithm: str) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    forged = f"{unsigned_part({'alg': algorithm, 'kid': 'rsa'})}.{unsigned_part(claims)}."
    with pytest.raises(UnauthorizedError):
        await caller_of(settings, forged)


async def test_the_log_says_why_a_token_is_refused_and_does_not_contain_it(
    settings: Settings, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    token = issuer.token(aud="another-app", sub="canary-user")
    with pytest.raises(UnauthorizedError):
        await caller_of(settings, token)
    assert "AUTH_AUDIENCE" in caplog.text
    for part in (*token.split("."), "canary-user"):
        assert part not in caplog.text


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(settings: Settings, issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    signed = f"{unsigned_part({'alg': 'HS256', 'kid': 'rsa'})}.{unsigned_part(claims)}"
    digest = hmac.new(issuer.public_pem("rsa"), signed.encode(), hashlib.sha256).digest()
    forged = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    with pytest.raises(UnauthorizedError):
        await caller_of(settings, forged)


async def test_an_algorithm_that_is_not_allowed_is_refused(settings: Settings, issuer: Issuer) -> None:
    with pytest.raises(UnauthorizedError):
        await caller_of(replace(settings, auth_algorithms=("RS256",)), issuer.token("ec"))


async def test_the_keys_are_fetched_once_and_not_for_every_invented_id(settings: Settings, issuer: Issuer) -> None:
    authenticator = Authenticator(settings)
    before = issuer.fetches
    for _ in range(3):
        await authenticator.caller({"authorization": f"Bearer {issuer.token()}"})
        with pytest.raises(UnauthorizedError):
            await authenticator.caller({"authorization": f"Bearer {issuer.token('stranger')}"})
    assert issuer.fetches == before + 1


async def test_a_new_key_is_found_when_it_is_used(
    settings: Settings, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_set, "COOLDOWN_SECONDS", 0)
    authenticator = Authenticator(settings)
    await authenticator.caller({"authorization": f"Bearer {issuer.token()}"})
    issuer.published.append("stranger")
    try:
        rotated = await authenticator.caller({"authorization": f"Bearer {issuer.token('stranger')}"})
    finally:
        issuer.published.remove("stranger")
    assert rotated.user_id == "ann"


async def test_a_page_in_place_of_the_keys_is_our_trouble_as_well(settings: Settings, issuer: Issuer) -> None:
    for page in (b"<html>Bad gateway</html>", b"\xff\xfe"):
        issuer.page = page
        try:
            with pytest.raises(StoreUnavailableError):
                await caller_of(settings, issuer.token())
        finally:
            issuer.page = None


async def test_an_issuer_that_is_out_of_reach_is_our_trouble_and_not_the_caller_s(
    settings: Settings, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_set, "FAILURE_COOLDOWN_SECONDS", 0)
    authenticator = Authenticator(settings)
    issuer.broken = True
    try:
        with pytest.raises(StoreUnavailableError):
            await authenticator.caller({"authorization": f"Bearer {issuer.token()}"})
    finally:
        issuer.broken = False
    assert await authenticator.caller({"authorization": f"Bearer {issuer.token()}"})


async def test_without_a_token_there_is_a_guest_or_nobody(settings: Settings) -> None:
    if settings.auth_mode == "guest":
        assert await Authenticator(settings).caller({}) == Caller("local", "guest", "user")
    else:
        with pytest.raises(UnauthorizedError):
            await Authenticator(settings).caller({})


async def test_a_guest_deployment_without_an_issuer_takes_no_token(issuer: Issuer) -> None:
    with pytest.raises(UnauthorizedError):
        await caller_of(Settings(auth_mode="guest"), issuer.token())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"auth_issuer": ()}, "AUTH_ISSUER"),
        ({"auth_audience": ()}, "AUTH_AUDIENCE"),
        ({"auth_algorithms": ("RS256", "HS256")}, "AUTH_ALGORITHMS"),
        ({"auth_algorithms": ("none",)}, "AUTH_ALGORITHMS"),
        ({"auth_jwks_url": ("https://a.example", "https://b.example")}, "AUTH_JWKS_URL"),
        ({"auth_issuer": ("https://a.example/{tenantid}",), "auth_jwks_url": ()}, "AUTH_ISSUER"),
        ({"auth_tenant": "a\x00b"}, "AUTH_TENANT"),
        ({"auth_roles": ("admin=",)}, "AUTH_ROLES"),
        ({"auth_required_claims": ("token_use",)}, "AUTH_REQUIRED_CLAIMS"),
    ],
)
async def test_rules_that_cannot_work_are_refused_at_start_up(
    settings: Settings, change: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Authenticator(replace(settings, **change))
