"""The claims of each identity provider's tokens, as the provider's documentation shows them.

Sources: Amazon Cognito "Understanding the access token" and "… the identity token"; Auth0 "Work with Tokens and
Organizations"; Clerk "Session tokens", versions 1 and 2; Microsoft "Access token claims reference" and "Access tokens
in the Microsoft identity platform"; Supabase "JWT Claims Reference".
"""

from __future__ import annotations

import time
from typing import Any

COGNITO_CLIENT = "1example23456789"
AUTH0_API = "https://chat.acme.example/api"
CLERK_ORIGIN = "https://app.acme.example"
ENTRA_API = "6e74172b-be56-4843-9ff4-e66a39bb12e3"
ENTRA_TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
OTHER_ENTRA_TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
USER = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"


def _times() -> dict[str, int]:
    now = int(time.time())
    return {"iat": now - 60, "exp": now + 3600}


def cognito_access(issuer: str, **changes: Any) -> dict[str, Any]:
    """An access token of a user pool: no `aud`."""
    return {
        "sub": USER,
        "device_key": "us-west-2_11111111",
        "cognito:groups": ["staff", "support"],
        "iss": issuer,
        "version": 2,
        "client_id": COGNITO_CLIENT,
        "origin_jti": "22222222",
        "event_id": "33333333",
        "token_use": "access",
        "scope": "openid profile",
        "auth_time": _times()["iat"],
        "jti": "44444444",
        "username": "ann",
        # Added by a pre token generation trigger.
        "tenant_id": "acme",
        **_times(),
        **changes,
    }


def cognito_id(issuer: str, **changes: Any) -> dict[str, Any]:
    """An ID token of a user pool, with a custom attribute."""
    return {
        "sub": USER,
        "cognito:groups": ["staff", "support"],
        "email_verified": True,
        "cognito:preferred_role": "arn:aws:iam::111122223333:role/example",
        "iss": issuer,
        "cognito:username": "ann",
        "custom:tenant_id": "acme",
        "nonce": "abcdefg",
        "origin_jti": "22222222",
        "aud": COGNITO_CLIENT,
        "event_id": "33333333",
        "token_use": "id",
        "auth_time": _times()["iat"],
        "jti": "44444444",
        "email": "ann@acme.example",
        **_times(),
        **changes,
    }


def auth0_access(issuer: str, **changes: Any) -> dict[str, Any]:
    """An access token for an API, of a member of an organisation, with a namespaced claim of an Action."""
    return {
        "https://acme.example/roles": ["member", "support"],
        "iss": issuer,
        "sub": "auth0|602c0dcab993d10073daf680",
        "aud": [AUTH0_API, f"{issuer}userinfo"],
        "azp": "w7ePC11gPLLrBaKX8s46O6J2eYRbD2rE",
        "scope": "openid profile email",
        "org_id": "org_9ybsU1dN2dKfDkBi",
        "permissions": [],
        **_times(),
        **changes,
    }


def clerk_v2(issuer: str, **changes: Any) -> dict[str, Any]:
    """A session token of version 2: no `aud`, and the organisation in `o`."""
    return {
        "azp": CLERK_ORIGIN,
        "fva": [7, -1],
        "iss": issuer,
        "jti": "1234567890",
        "nbf": _times()["iat"],
        "sid": "sess_123",
        "sub": "user_123",
        "v": 2,
        "pla": "o:pro",
        "fea": "o:dashboard,o:teams",
        "o": {"id": "org_123", "slg": "acme", "rol": "support", "per": "read,manage", "fpm": "3,2"},
        **_times(),
        **changes,
    }


def clerk_v1(issuer: str, **changes: Any) -> dict[str, Any]:
    """A session token of version 1."""
    return {
        "azp": CLERK_ORIGIN,
        "iss": issuer,
        "nbf": _times()["iat"],
        "sid": "sess_123",
        "sub": "user_123",
        "org_id": "org_123",
        "org_slug": "acme",
        "org_role": "org:support",
        "org_permissions": ["org:dashboard:read"],
        **_times(),
        **changes,
    }


def entra_v2(issuer: str, tenant: str = ENTRA_TENANT, **changes: Any) -> dict[str, Any]:
    """A v2.0 access token. The issuer's `{tenantid}` becomes the tenant."""
    return {
        "aud": ENTRA_API,
        "iss": issuer.replace("{tenantid}", tenant),
        "nbf": _times()["iat"],
        "aio": "AXQAi/8IAAAAtAaZLo3ChMif6KOnttRB7eBq4",
        "azp": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
        "azpacr": "0",
        "name": "Ann Example",
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "preferred_username": "ann@acme.example",
        "rh": "I",
        "roles": ["Chat.Reader", "Chat.Support"],
        "scp": "access_as_user",
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "tid": tenant,
        "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "2.0",
        **_times(),
        **changes,
    }


def entra_v1(issuer: str, tenant: str = ENTRA_TENANT, **changes: Any) -> dict[str, Any]:
    """A v1.0 access token: `appid` in place of `azp`, and the resource's URI as audience."""
    return {
        "aud": f"api://{ENTRA_API}",
        "iss": issuer.replace("{tenantid}", tenant),
        "nbf": _times()["iat"],
        "acr": "1",
        "amr": ["pwd"],
        "appid": "75dbe77f-10a3-4e59-85fd-8c127544f17c",
        "appidacr": "0",
        "ipaddr": "203.0.113.9",
        "name": "Ann Example",
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "roles": ["Chat.Reader", "Chat.Support"],
        "scp": "user_impersonation",
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "tid": tenant,
        "unique_name": "ann@acme.example",
        "ver": "1.0",
        **_times(),
        **changes,
    }


def supabase(issuer: str, **changes: Any) -> dict[str, Any]:
    """An access token of Supabase Auth."""
    return {
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": _times()["iat"]}],
        "app_metadata": {"provider": "email", "providers": ["email"], "tenant_id": "acme", "role": "support"},
        "aud": "authenticated",
        "email": "ann@acme.example",
        "is_anonymous": False,
        "iss": issuer,
        "phone": "",
        "role": "authenticated",
        "session_id": "123e4567-e89b-12d3-a456-426614174000",
        "sub": USER,
        "user_metadata": {"name": "Ann", "tenant_id": "globex", "role": "admin"},
        **_times(),
        **changes,
    }
