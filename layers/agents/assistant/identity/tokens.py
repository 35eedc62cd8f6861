"""Verify a bearer token: its signature, issuer, audience and lifetime. Return its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from assistant.aws.keys import checked_component
from assistant.errors import UnauthorizedError
from assistant.identity.caller import DEFAULT_ROLE, Caller
from assistant.identity.claims import first_claim, shown, strings
from assistant.identity.key_set import KeySet, PublishedKey
from assistant.identity.rules import Issuer, TokenRules, is_issued_by

# The issuer's clock and ours may differ. One minute is the usual tolerance.
CLOCK_LEEWAY_SECONDS = 60
INVALID = "Your sign-in is not valid or has expired. Please sign in again."


def refused(reason: str, message: str = INVALID) -> UnauthorizedError:
    """Return the error of a token that is refused.

    Args:
        reason: For the operator's log. It must not contain the token or the user.
        message: For the user.
    """
    return UnauthorizedError(message, fix=reason)


class TokenVerifier:
    """Verifies the tokens of the configured issuers."""

    def __init__(self, rules: TokenRules) -> None:
        self._rules = rules
        # Issuers may share their keys.
        self._keys = {issuer.jwks_url: KeySet(issuer.jwks_url) for issuer in rules.issuers}

    async def caller(self, token: str) -> Caller:
        """Return the caller of a valid token.

        Raises:
            UnauthorizedError: The token is not valid.
            IssuerUnavailableError: The issuer's keys cannot be fetched.
        """
        if not self._rules.issuers:
            raise refused("AUTH_ISSUER is not set", "This assistant accepts no tokens.")
        key_id, algorithm, unverified = _parts(token)
        if algorithm not in self._rules.algorithms:
            raise refused(f"its algorithm (alg) is {shown(algorithm)}, which AUTH_ALGORITHMS does not list")
        issuer = self._issuer(unverified)
        claims = await self._verified(token, self._keys[issuer.jwks_url], key_id, algorithm, unverified)
        self._check(claims)
        subject = _component(claims["sub"], "subject (sub)")
        return Caller(self._tenant(claims), subject, self._role(claims), name=self._name(claims))

    def _issuer(self, unverified: Mapping[str, Any]) -> Issuer:
        """Return the issuer that a token names. Its keys then verify the token with all its claims."""
        for issuer in self._rules.issuers:
            if is_issued_by(unverified, issuer.name):
                return issuer
        raise refused(f"its issuer (iss) is {shown(unverified.get('iss'))}, which AUTH_ISSUER does not list")

    async def _verified(
        self, token: str, keys: KeySet, key_id: str | None, algorithm: str, unverified: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the claims of a token with a valid signature."""

        async def candidates() -> list[PublishedKey]:
            found = await keys.find(key_id, algorithm)
            return [key for key in found if key.issuer is None or is_issued_by(unverified, key.issuer)]

        found = await candidates()
        if not found:
            raise refused(f"its issuer publishes no such key: kid {shown(key_id)}, alg {algorithm}")
        # In a thread, because the check of an RSA signature takes about a millisecond.
        claims = await asyncio.to_thread(_decoded, token, found, algorithm)
        if claims is None and await keys.renew():
            # The issuer may have replaced a key by another with the same id, or without an id.
            claims = await asyncio.to_thread(_decoded, token, await candidates(), algorithm)
        if claims is None:
            raise refused("its signature is not valid")
        return claims

    def _check(self, claims: Mapping[str, Any]) -> None:
        """Check the audience and the further conditions."""
        rules = self._rules
        path, value = first_claim(claims, rules.audience_claims)
        if not path:
            raise refused(f"it has none of the claims with the audience: {', '.join(rules.audience_claims)}")
        if not rules.audiences.intersection(strings(value)):
            raise refused(f"its audience ({path}) is {shown(value)}, which AUTH_AUDIENCE does not list")
        for condition in rules.conditions:
            if not condition.holds(claims):
                wanted = f"must{'' if condition.wanted else ' not'} be {' or '.join(condition.values)}"
                raise refused(f"its claim {condition.path} {wanted} (AUTH_REQUIRED_CLAIMS or AUTH_PRESET)")

    def _tenant(self, claims: Mapping[str, Any]) -> str:
        if self._rules.tenant is not None:
            return self._rules.tenant
        _, tenant = first_claim(claims, self._rules.tenant_claims)
        return _component(tenant, f"tenant ({', '.join(self._rules.tenant_claims)}: AUTH_TENANT_CLAIM)")

    def _role(self, claims: Mapping[str, Any]) -> str:
        """Return the highest role. A list has no order of its own, so it counts only with `AUTH_ROLES`."""
        path, value = first_claim(claims, self._rules.role_claims)
        if not (value is None or isinstance(value, str | list)):
            raise refused(f"its role ({path}) is neither a text nor a list")
        if isinstance(value, str) and not self._rules.roles:
            return value
        names = set(strings(value))
        return next((ours for theirs, ours in self._rules.roles if theirs in names), DEFAULT_ROLE)

    def _name(self, claims: Mapping[str, Any]) -> str | None:
        _, value = first_claim(claims, self._rules.name_claims)
        return value if isinstance(value, str) else None


def _parts(token: str) -> tuple[str | None, Any, dict[str, Any]]:
    """Return a token's key id, its algorithm, and its claims without a check."""
    import jwt

    try:
        parts = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise refused(f"it is no JWT ({type(error).__name__})") from None
    return parts["header"].get("kid"), parts["header"].get("alg"), parts["payload"]


def _decoded(token: str, keys: list[PublishedKey], algorithm: str) -> dict[str, Any] | None:
    """Return the claims if one of the keys has signed the token.

    Raises:
        UnauthorizedError: The signature is valid, but the token has expired, or lacks a claim.
    """
    import jwt

    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.load(algorithm),
                algorithms=[algorithm],
                leeway=CLOCK_LEEWAY_SECONDS,
                # The issuer and the audience have rules of their own.
                options={"require": ["exp", "sub"], "verify_iss": False, "verify_aud": False},
            )
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
            continue
        except jwt.PyJWTError as error:
            raise refused(f"{type(error).__name__}: {error}") from None
        return claims
    return None


def _component(value: Any, what: str) -> str:
    """Return a claim that is part of the table's keys."""
    if not isinstance(value, str):
        raise refused(f"it has no {what}", "The token has no tenant or no subject.")
    try:
        checked_component(value, what)
    except ValueError as error:
        raise refused(str(error), "The tenant or the subject in the token cannot be used.") from None
    return value
