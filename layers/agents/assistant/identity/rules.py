"""The rules for tokens: the settings, with the preset of the identity provider for those that are not set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.aws.keys import checked_component
from assistant.errors import ConfigurationError
from assistant.identity.claims import Condition, parse_condition
from assistant.identity.key_set import KEY_TYPES
from assistant.settings import AuthPreset, Settings

# The tenant in the issuer of Microsoft's tokens, written as in Microsoft's discovery document.
TENANT_MARK = "{tenantid}"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ENTRA_V1 = re.compile(r"https://sts\.windows\.net/([^/]+)/")


@dataclass(frozen=True)
class Preset:
    """The claims of an identity provider's tokens. docs/identity.md explains them."""

    tenant: tuple[str, ...] = ("tenant_id",)
    role: tuple[str, ...] = ("role",)
    name: tuple[str, ...] = ("name",)
    audience_claims: tuple[str, ...] = ("aud",)
    audience: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


PRESETS: Mapping[AuthPreset | None, Preset] = {
    None: Preset(),
    # An access token has no `aud`. Both kinds of token name their kind.
    "cognito": Preset(
        role=("cognito:groups",), audience_claims=("aud", "client_id"), required=("token_use=access|id",)
    ),
    "auth0": Preset(tenant=("org_id",)),
    # Version 2 of the session token, then version 1. A pending session counts as signed out.
    "clerk": Preset(
        tenant=("o.id", "org_id"),
        role=("o.rol", "org_role"),
        audience_claims=("aud", "azp"),
        required=("sts!=pending",),
    ),
    "entra": Preset(tenant=("tid",), role=("roles",)),
    # Only the backend can write `app_metadata`; users write `user_metadata` themselves.
    "supabase": Preset(
        tenant=("app_metadata.tenant_id",),
        role=("app_metadata.role",),
        name=("app_metadata.name",),
        audience=("authenticated",),
        required=("role=authenticated",),
    ),
}


@dataclass(frozen=True)
class Issuer:
    """An accepted issuer.

    Attributes:
        name: The `iss` of its tokens. `{tenantid}` stands for the token's `tid`.
        jwks_url: The URL of its keys.
    """

    name: str
    jwks_url: str


def is_issued_by(claims: Mapping[str, Any], name: str) -> bool:
    """Tell whether the token's `iss` is this issuer. A tenant in it must be a GUID and the token's own."""
    tenant = claims.get("tid")
    if TENANT_MARK in name and not (isinstance(tenant, str) and _GUID.fullmatch(tenant)):
        return False
    return claims.get("iss") == name.replace(TENANT_MARK, str(tenant))


@dataclass(frozen=True)
class TokenRules:
    """The rules that a token must meet.

    Attributes:
        issuers: The accepted issuers.
        audiences: The accepted values of the audience.
        audience_claims: The claims with the audience. The first one that a token has is checked.
        algorithms: The accepted signature algorithms.
        tenant: The tenant of all callers, if it is fixed.
        tenant_claims: Else the claims with the tenant. The first one that a token has counts.
        role_claims: The claims with the role or the roles. The first one that a token has counts.
        name_claims: The claims with the person's name. The first one that a token has counts.
        roles: The provider's names of roles and ours, highest first. Empty: the provider's names.
        conditions: Further conditions on claims.
    """

    issuers: tuple[Issuer, ...]
    audiences: frozenset[str]
    audience_claims: tuple[str, ...]
    algorithms: tuple[str, ...]
    tenant: str | None
    tenant_claims: tuple[str, ...]
    role_claims: tuple[str, ...]
    name_claims: tuple[str, ...]
    roles: tuple[tuple[str, str], ...]
    conditions: tuple[Condition, ...]


def token_rules(settings: Settings) -> TokenRules:
    """Return the rules of a deployment.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    preset = PRESETS[settings.auth_preset]
    audiences = settings.auth_audience or preset.audience
    if settings.auth_issuer and not audiences:
        raise ConfigurationError("AUTH_ISSUER is set. Set AUTH_AUDIENCE too.")
    if settings.auth_jwks_url and not settings.auth_issuer:
        raise ConfigurationError("AUTH_JWKS_URL is set. Set AUTH_ISSUER too.")
    if settings.auth_tenant is not None:
        try:
            checked_component(settings.auth_tenant, "tenant")
        except ValueError as error:
            raise ConfigurationError(f"AUTH_TENANT cannot be used: {error}") from None
    for algorithm in settings.auth_algorithms:
        if algorithm not in KEY_TYPES:
            raise ConfigurationError(f"AUTH_ALGORITHMS must be of {', '.join(KEY_TYPES)}, not {algorithm!r}.")
    return TokenRules(
        issuers=_issuers(settings),
        audiences=frozenset(audiences),
        audience_claims=settings.auth_audience_claim or preset.audience_claims,
        algorithms=settings.auth_algorithms,
        tenant=settings.auth_tenant,
        tenant_claims=settings.auth_tenant_claim or preset.tenant,
        role_claims=settings.auth_role_claim or preset.role,
        name_claims=settings.auth_name_claim or preset.name,
        roles=tuple(_role(text) for text in settings.auth_roles),
        conditions=tuple(parse_condition(text) for text in settings.auth_required_claims or preset.required),
    )


def _issuers(settings: Settings) -> tuple[Issuer, ...]:
    names, urls = settings.auth_issuer, settings.auth_jwks_url
    if len(urls) > 1 and len(urls) != len(names):
        raise ConfigurationError("AUTH_JWKS_URL must be one URL, or one for each issuer of AUTH_ISSUER in their order.")
    if len(urls) <= 1:
        urls = tuple(urls[0] if urls else _usual_url(name, settings.auth_preset) for name in names)
    return tuple(Issuer(name, url) for name, url in zip(names, urls, strict=True))


def _usual_url(issuer: str, preset: AuthPreset | None) -> str:
    """Return the place where the provider publishes the keys of an issuer."""
    if preset == "entra":
        # Microsoft has one key set for all tenants.
        everywhere = issuer.replace(TENANT_MARK, "common")
        if match := _ENTRA_V1.fullmatch(everywhere):
            return f"https://login.microsoftonline.com/{match[1]}/discovery/keys"
        return f"{everywhere.rstrip('/').removesuffix('/v2.0')}/discovery/v2.0/keys"
    if TENANT_MARK in issuer:
        raise ConfigurationError(f"AUTH_ISSUER contains {TENANT_MARK}. Set AUTH_JWKS_URL, or AUTH_PRESET=entra.")
    return f"{issuer.rstrip('/')}/.well-known/jwks.json"


def _role(text: str) -> tuple[str, str]:
    """Return the provider's name and ours of `org:admin=admin`, or of `admin`."""
    theirs, separator, ours = text.rpartition("=")
    if separator and not (theirs and ours):
        raise ConfigurationError(f"AUTH_ROLES must be like 'org:admin=admin,support', not {text!r}.")
    return (theirs, ours) if separator else (ours, ours)
