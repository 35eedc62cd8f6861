"""Each provider's tokens give the caller that its preset promises, and nothing else is accepted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from assistant.errors import UnauthorizedError
from assistant.identity import Authenticator, Caller
from assistant.identity.rules import token_rules
from assistant.settings import AuthPreset, Settings, load_settings
from tests.support import provider_tokens as tokens
from tests.support.provider_tokens import (
    AUTH0_API,
    CLERK_ORIGIN,
    COGNITO_CLIENT,
    ENTRA_API,
    ENTRA_TENANT,
    OTHER_ENTRA_TENANT,
    USER,
)
from tests.support.tls_issuer import TlsIssuer, jwk, new_ec_key, new_rsa_key, sign

pytestmark = pytest.mark.anyio

Claims = Callable[..., dict[str, Any]]
RSA, EC = new_rsa_key(), new_ec_key()
KID = "kid-1"
# Where each provider's issuer is, below its origin, and where its keys are.
PLACES: dict[AuthPreset, tuple[str, str]] = {
    "cognito": ("/us-west-2_example", "/us-west-2_example/.well-known/jwks.json"),
    "auth0": ("/", "/.well-known/jwks.json"),
    "clerk": ("", "/.well-known/jwks.json"),
    "entra": ("/{tenantid}/v2.0", "/common/discovery/v2.0/keys"),
    "supabase": ("/auth/v1", "/auth/v1/.well-known/jwks.json"),
}


class Provider:
    """A provider that publishes its keys where the real one does."""

    def __init__(self, server: TlsIssuer, preset: AuthPreset) -> None:
        place, keys = PLACES[preset]
        self.issuer = server.origin + place
        self.preset = preset
        self.server = server
        mark = {"issuer": self.issuer} if preset == "entra" else {}
        server.publish(jwk(RSA, kid=KID, use="sig", **mark), path=keys)

    def authenticator(self, **env: str) -> Authenticator:
        """Return an authenticator with the preset, the issuer, and these settings."""
        settings = {"AUTH_PRESET": self.preset, "AUTH_ISSUER": self.issuer, **env}
        return Authenticator(load_settings(settings))

    async def caller(self, claims: dict[str, Any], **env: str) -> Caller:
        """Return the caller of a token with these claims."""
        token = sign(RSA, claims, kid=KID)
        return await self.authenticator(**env).caller({"authorization": f"Bearer {token}"})

    async def reason(self, claims: dict[str, Any], **env: str) -> str:
        """Return why a token with these claims is refused, as the log says it."""
        with pytest.raises(UnauthorizedError) as raised:
            await self.caller(claims, **env)
        return str(raised.value.fix)


@pytest.fixture
def cognito(provider: TlsIssuer) -> Provider:
    return Provider(provider, "cognito")


@pytest.fixture
def auth0(provider: TlsIssuer) -> Provider:
    return Provider(provider, "auth0")


@pytest.fixture
def clerk(provider: TlsIssuer) -> Provider:
    return Provider(provider, "clerk")


@pytest.fixture
def entra(provider: TlsIssuer) -> Provider:
    return Provider(provider, "entra")


@pytest.fixture
def supabase(provider: TlsIssuer) -> Provider:
    return Provider(provider, "supabase")


async def test_a_cognito_access_token_has_a_client_and_no_audience(cognito: Provider) -> None:
    env = {"AUTH_AUDIENCE": COGNITO_CLIENT, "AUTH_ROLES": "admin,support"}
    assert await cognito.caller(tokens.cognito_access(cognito.issuer), **env) == Caller("acme", USER, "support")
    other = tokens.cognito_access(cognito.issuer, client_id="another-client")
    assert "client_id" in await cognito.reason(other, **env)


async def test_a_cognito_id_token_has_an_audience_and_custom_attributes(cognito: Provider) -> None:
    env = {"AUTH_AUDIENCE": COGNITO_CLIENT, "AUTH_ROLES": "support", "AUTH_TENANT_CLAIM": "custom:tenant_id"}
    assert await cognito.caller(tokens.cognito_id(cognito.issuer), **env) == Caller("acme", USER, "support")
    assert "aud" in await cognito.reason(tokens.cognito_id(cognito.issuer, aud="another-client"), **env)
    # By default an attribute that users may be able to change is no tenant.
    assert "AUTH_TENANT_CLAIM" in await cognito.reason(tokens.cognito_id(cognito.issuer), AUTH_AUDIENCE=COGNITO_CLIENT)


async def test_only_the_kinds_of_cognito_s_tokens_that_are_meant_for_it_are_accepted(cognito: Provider) -> None:
    env = {"AUTH_AUDIENCE": COGNITO_CLIENT}
    assert "token_use" in await cognito.reason(tokens.cognito_access(cognito.issuer, token_use="refresh"), **env)
    only_access = {**env, "AUTH_REQUIRED_CLAIMS": "token_use=access"}
    assert await cognito.caller(tokens.cognito_access(cognito.issuer), **only_access)
    assert "token_use" in await cognito.reason(tokens.cognito_id(cognito.issuer), **only_access)


async def test_an_auth0_token_of_an_organisation(auth0: Provider) -> None:
    env = {
        "AUTH_AUDIENCE": AUTH0_API,
        "AUTH_ROLE_CLAIM": "https://acme.example/roles",
        "AUTH_ROLES": "admin,support",
    }
    claims = tokens.auth0_access(auth0.issuer)
    assert await auth0.caller(claims, **env) == Caller("org_9ybsU1dN2dKfDkBi", claims["sub"], "support")
    assert "aud" in await auth0.reason(tokens.auth0_access(auth0.issuer, aud=[f"{auth0.issuer}userinfo"]), **env)
    # The client's id is no audience where the token has one.
    as_client = {**env, "AUTH_AUDIENCE": claims["azp"]}
    assert "aud" in await auth0.reason(claims, **as_client)


async def test_an_auth0_token_with_a_namespaced_tenant(auth0: Provider) -> None:
    env = {"AUTH_AUDIENCE": AUTH0_API, "AUTH_TENANT_CLAIM": "https://acme.example/tenant"}
    claims = tokens.auth0_access(auth0.issuer, **{"https://acme.example/tenant": "acme"})
    assert (await auth0.caller(claims, **env)).tenant_id == "acme"


async def test_an_auth0_token_without_an_organisation_has_a_tenant_only_if_one_is_fixed(auth0: Provider) -> None:
    claims = tokens.auth0_access(auth0.issuer, org_id=None)
    assert "org_id" in await auth0.reason(claims, AUTH_AUDIENCE=AUTH0_API)
    assert (await auth0.caller(claims, AUTH_AUDIENCE=AUTH0_API, AUTH_TENANT="acme")).tenant_id == "acme"


@pytest.mark.parametrize("version", [tokens.clerk_v1, tokens.clerk_v2])
async def test_a_clerk_session_token_of_either_version(clerk: Provider, version: Claims) -> None:
    env = {"AUTH_AUDIENCE": CLERK_ORIGIN, "AUTH_ROLES": "admin,org:admin=admin,support,org:support=support"}
    assert await clerk.caller(version(clerk.issuer), **env) == Caller("org_123", "user_123", "support")
    assert "azp" in await clerk.reason(version(clerk.issuer, azp="https://evil.example"), **env)
    nobody = version(clerk.issuer)
    del nobody["azp"]
    assert "audience" in await clerk.reason(nobody, **env)


async def test_a_clerk_session_that_is_pending_is_signed_out(clerk: Provider) -> None:
    assert "sts" in await clerk.reason(tokens.clerk_v2(clerk.issuer, sts="pending"), AUTH_AUDIENCE=CLERK_ORIGIN)
    assert await clerk.caller(tokens.clerk_v2(clerk.issuer, sts="active"), AUTH_AUDIENCE=CLERK_ORIGIN)


async def test_a_clerk_user_without_an_active_organisation_has_no_tenant(clerk: Provider) -> None:
    alone = tokens.clerk_v2(clerk.issuer)
    del alone["o"]
    assert "o.id" in await clerk.reason(alone, AUTH_AUDIENCE=CLERK_ORIGIN)


async def test_an_entra_token_of_any_tenant(entra: Provider) -> None:
    env = {"AUTH_AUDIENCE": ENTRA_API, "AUTH_ROLES": "Chat.Admin=admin,Chat.Support=support"}
    for tenant in (ENTRA_TENANT, OTHER_ENTRA_TENANT):
        claims = tokens.entra_v2(entra.issuer, tenant)
        assert await entra.caller(claims, **env) == Caller(tenant, claims["sub"], "support")


@pytest.mark.parametrize("tenant", [OTHER_ENTRA_TENANT, "common", "", "../evil", None, 5, ["x"]])
async def test_an_entra_token_whose_tenant_is_not_its_issuer_s_is_refused(entra: Provider, tenant: object) -> None:
    claims = tokens.entra_v2(entra.issuer, ENTRA_TENANT, tid=tenant)
    assert "iss" in await entra.reason(claims, AUTH_AUDIENCE=ENTRA_API)


async def test_an_entra_tenant_that_is_no_guid_is_refused_also_if_the_issuer_agrees(entra: Provider) -> None:
    assert "iss" in await entra.reason(tokens.entra_v2(entra.issuer, "common"), AUTH_AUDIENCE=ENTRA_API)


async def test_an_entra_key_of_one_tenant_signs_for_no_other(entra: Provider) -> None:
    consumers = entra.issuer.replace("{tenantid}", OTHER_ENTRA_TENANT)
    entra.server.publish(jwk(RSA, kid=KID, issuer=consumers), path=PLACES["entra"][1])
    assert await entra.caller(tokens.entra_v2(entra.issuer, OTHER_ENTRA_TENANT), AUTH_AUDIENCE=ENTRA_API)
    assert "kid" in await entra.reason(tokens.entra_v2(entra.issuer), AUTH_AUDIENCE=ENTRA_API)


async def test_entra_tenants_can_be_listed(entra: Provider) -> None:
    env = {"AUTH_AUDIENCE": ENTRA_API, "AUTH_REQUIRED_CLAIMS": f"tid={ENTRA_TENANT}"}
    assert await entra.caller(tokens.entra_v2(entra.issuer), **env)
    assert "tid" in await entra.reason(tokens.entra_v2(entra.issuer, OTHER_ENTRA_TENANT), **env)


async def test_entra_s_two_versions_are_two_issuers_with_keys_of_their_own(entra: Provider) -> None:
    v1 = f"{entra.server.origin}/sts/{{tenantid}}/"
    v1_keys = entra.server.publish(jwk(RSA, kid=KID, x5t=KID), path="/common/discovery/keys")
    env = {
        "AUTH_ISSUER": f"{entra.issuer},{v1}",
        "AUTH_JWKS_URL": f"{entra.server.origin}{PLACES['entra'][1]},{v1_keys}",
        "AUTH_AUDIENCE": f"{ENTRA_API},api://{ENTRA_API}",
        "AUTH_ROLES": "Chat.Support=support",
    }
    newer, older = tokens.entra_v2(entra.issuer), tokens.entra_v1(v1)
    assert await entra.caller(newer, **env) == await entra.caller(older, **env)
    assert await entra.caller(older, **env) == Caller(ENTRA_TENANT, older["sub"], "support")


async def test_a_supabase_token_counts_by_what_the_backend_has_written(supabase: Provider) -> None:
    assert await supabase.caller(tokens.supabase(supabase.issuer)) == Caller("acme", USER, "support")
    own = tokens.supabase(supabase.issuer, app_metadata={"provider": "email", "providers": ["email"]})
    assert "app_metadata.tenant_id" in await supabase.reason(own)


@pytest.mark.parametrize("role", ["anon", "service_role"])
async def test_a_supabase_key_of_the_project_is_nobody(supabase: Provider, role: str) -> None:
    assert "role" in await supabase.reason(tokens.supabase(supabase.issuer, role=role))


async def test_anonymous_supabase_users_can_be_refused(supabase: Provider) -> None:
    env = {"AUTH_REQUIRED_CLAIMS": "role=authenticated,is_anonymous!=true"}
    assert await supabase.caller(tokens.supabase(supabase.issuer), **env)
    assert "is_anonymous" in await supabase.reason(tokens.supabase(supabase.issuer, is_anonymous=True), **env)


async def test_supabase_s_legacy_secret_is_refused_and_so_is_its_key_as_a_secret(supabase: Provider) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(tokens.supabase(supabase.issuer))}"
    for secret in (b"super-secret-jwt-token-with-at-least-32-characters", json.dumps(jwk(RSA)).encode()):
        digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        token = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
        with pytest.raises(UnauthorizedError) as raised:
            await supabase.authenticator().caller({"authorization": f"Bearer {token}"})
        assert "AUTH_ALGORITHMS" in str(raised.value.fix)


async def test_each_issuer_s_tokens_need_its_own_keys(provider: TlsIssuer) -> None:
    first, second = f"{provider.origin}/one", f"{provider.origin}/two"
    provider.publish(jwk(RSA, kid="1"), path="/one/.well-known/jwks.json")
    provider.publish(jwk(EC, kid="1"), path="/two/.well-known/jwks.json")
    env = {"AUTH_ISSUER": f"{first},{second}", "AUTH_AUDIENCE": "chat", "AUTH_TENANT": "acme"}
    authenticator = Authenticator(load_settings(env))
    for issuer, right, wrong in ((first, RSA, EC), (second, EC, RSA)):
        claims = tokens.auth0_access(issuer, aud="chat")
        assert await authenticator.caller({"authorization": f"Bearer {sign(right, claims, kid='1')}"})
        with pytest.raises(UnauthorizedError):
            await authenticator.caller({"authorization": f"Bearer {sign(wrong, claims, kid='1')}"})


async def test_keys_without_an_id_and_two_keys_of_one_id_verify(provider: TlsIssuer) -> None:
    twin, bare, stranger = new_rsa_key(), new_rsa_key(), new_rsa_key()
    provider.publish(jwk(RSA, kid="1"), jwk(twin, kid="1"), jwk(bare))
    env = {"AUTH_ISSUER": provider.origin, "AUTH_AUDIENCE": "chat", "AUTH_TENANT": "acme"}
    authenticator = Authenticator(load_settings(env))
    claims = tokens.auth0_access(provider.origin, aud="chat")
    accepted = [sign(RSA, claims, kid="1"), sign(twin, claims, kid="1"), sign(bare, claims), sign(twin, claims)]
    for token in accepted:
        assert await authenticator.caller({"authorization": f"Bearer {token}"})
    for token in (sign(stranger, claims, kid="1"), sign(stranger, claims), sign(bare, claims, kid="1")):
        with pytest.raises(UnauthorizedError):
            await authenticator.caller({"authorization": f"Bearer {token}"})


@pytest.mark.parametrize("published", [None, "same"])
async def test_a_key_that_is_replaced_without_an_id_or_by_one_with_its_id_is_found(
    provider: TlsIssuer, monkeypatch: pytest.MonkeyPatch, published: str | None
) -> None:
    monkeypatch.setattr("assistant.identity.key_set.COOLDOWN_SECONDS", 0)
    newer = new_ec_key()
    named = {} if published is None else {"kid": published}
    provider.publish(jwk(EC, **named))
    env = {"AUTH_ISSUER": provider.origin, "AUTH_AUDIENCE": "chat", "AUTH_TENANT": "acme"}
    authenticator = Authenticator(load_settings(env))
    claims = tokens.auth0_access(provider.origin, aud="chat")
    assert await authenticator.caller({"authorization": f"Bearer {sign(EC, claims, kid=published or 'old')}"})
    provider.publish(jwk(newer, **named))
    assert await authenticator.caller({"authorization": f"Bearer {sign(newer, claims, kid=published or 'new')}"})
    with pytest.raises(UnauthorizedError):
        await authenticator.caller({"authorization": f"Bearer {sign(EC, claims, kid=published or 'old')}"})


@pytest.mark.parametrize(
    ("roles", "ranking", "role"),
    [
        (["reader", "admin"], "admin,reader", "admin"),
        (["admin", "reader"], "reader,admin", "reader"),
        (["owner"], "admin", "user"),
        (["owner"], "owner=admin", "admin"),
        ("owner", "owner=admin", "admin"),
        ("owner", "admin", "user"),
        ("owner", "", "owner"),
        (["admin"], "", "user"),
        ([], "admin", "user"),
        (None, "admin", "user"),
        ([5, None, {"x": 1}, "admin"], "admin", "admin"),
    ],
)
async def test_the_first_role_that_the_deployment_ranks_counts(
    auth0: Provider, roles: object, ranking: str, role: str
) -> None:
    env = {"AUTH_AUDIENCE": AUTH0_API, "AUTH_ROLES": ranking}
    assert (await auth0.caller(tokens.auth0_access(auth0.issuer, role=roles), **env)).role == role


@pytest.mark.parametrize(
    ("preset", "issuer", "url"),
    [
        (
            "cognito",
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE",
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE/.well-known/jwks.json",
        ),
        ("auth0", "https://acme.eu.auth0.com/", "https://acme.eu.auth0.com/.well-known/jwks.json"),
        ("clerk", "https://clerk.acme.example", "https://clerk.acme.example/.well-known/jwks.json"),
        (
            "entra",
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            "https://login.microsoftonline.com/common/discovery/v2.0/keys",
        ),
        (
            "entra",
            f"https://login.microsoftonline.com/{ENTRA_TENANT}/v2.0",
            f"https://login.microsoftonline.com/{ENTRA_TENANT}/discovery/v2.0/keys",
        ),
        ("entra", "https://sts.windows.net/{tenantid}/", "https://login.microsoftonline.com/common/discovery/keys"),
        (
            "supabase",
            "https://abcdefgh.supabase.co/auth/v1",
            "https://abcdefgh.supabase.co/auth/v1/.well-known/jwks.json",
        ),
    ],
)
def test_the_keys_are_where_the_provider_publishes_them(preset: AuthPreset, issuer: str, url: str) -> None:
    rules = token_rules(Settings(auth_preset=preset, auth_issuer=(issuer,), auth_audience=("chat",)))
    assert [each.jwks_url for each in rules.issuers] == [url]
