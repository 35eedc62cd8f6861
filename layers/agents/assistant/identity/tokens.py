"""Verify a bearer token: its signature, issuer, audience and lifetime."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from assistant.aws.keys import checked_component
from assistant.errors import ConfigurationError, UnauthorizedError
from assistant.identity.caller import DEFAULT_ROLE, Caller
from assistant.identity.key_set import KEY_TYPES, KeySet, PublishedKey
from assistant.settings import Settings

# The issuer's clock and ours may differ. One minute is the usual tolerance.
CLOCK_LEEWAY_SECONDS = 60
INVALID = "Your sign-in is not valid or has expired. Please sign in again."


def refused(reason: str) -> UnauthorizedError:
    """Return the error of an invalid token.

    Args:
        reason: For the operator's log. It must not contain the token or the user.
    """
    return UnauthorizedError(INVALID, fix=reason)


class TokenVerifier:
    """Verifies the tokens of the configured issuer."""

    def __init__(self, settings: Settings) -> None:
        if settings.auth_jwks_url and not (settings.auth_issuer and settings.auth_audience):
            raise ConfigurationError("AUTH_JWKS_URL is set. Set AUTH_ISSUER and AUTH_AUDIENCE too.")
        self._settings = settings
        self._keys = KeySet(settings.auth_jwks_url) if settings.auth_jwks_url else None

    async def caller(self, token: str) -> Caller:
        """Return the caller of a valid token.

        Raises:
            UnauthorizedError: The token is not valid.
            StoreUnavailableError: The issuer's keys cannot be fetched.
        """
        import jwt

        if self._keys is None:
            raise UnauthorizedError("This assistant accepts no tokens.")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise refused(f"it is no JWT ({type(error).__name__})") from None
        key_id, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in self._settings.auth_algorithms or algorithm not in KEY_TYPES:
            raise refused("its signature algorithm is not in AUTH_ALGORITHMS")
        return self._caller(await self._verified(token, self._keys, key_id, algorithm))

    async def _verified(self, token: str, keys: KeySet, key_id: str | None, algorithm: str) -> dict[str, Any]:
        """Return the claims of a token with a valid signature."""
        found = await keys.find(key_id, algorithm)
        if not found:
            raise refused("the issuer does not know its key (kid)")
        claims = await self._decoded(token, found, algorithm)
        if claims is None and found[0].key_id != key_id and await keys.renew():
            # Keys without an id may have been replaced by others without an id.
            claims = await self._decoded(token, await keys.find(key_id, algorithm), algorithm)
        if claims is None:
            raise refused("its signature is not valid")
        return claims

    async def _decoded(self, token: str, keys: list[PublishedKey], algorithm: str) -> dict[str, Any] | None:
        """Return the claims if one of the keys has signed the token. Check the signature in a thread: it takes CPU."""
        return await asyncio.to_thread(self._decode, token, keys, algorithm)

    def _decode(self, token: str, keys: list[PublishedKey], algorithm: str) -> dict[str, Any] | None:
        import jwt

        for key in keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key.load(algorithm),
                    algorithms=[algorithm],
                    issuer=self._settings.auth_issuer,
                    audience=self._settings.auth_audience,
                    leeway=CLOCK_LEEWAY_SECONDS,
                    options={"require": ["exp", "sub"]},
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError as error:
                raise refused(f"{type(error).__name__}: {error}") from None
            return claims
        return None

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        tenant, user = claims.get(self._settings.auth_tenant_claim), claims.get("sub")
        role = claims.get(self._settings.auth_role_claim, DEFAULT_ROLE)
        if not (isinstance(tenant, str) and isinstance(user, str)):
            raise UnauthorizedError("The token has no tenant or no subject.")
        if not isinstance(role, str):
            raise UnauthorizedError("The role in the token must be a string.")
        try:
            checked_component(tenant, "tenant")
            checked_component(user, "subject")
        except ValueError as error:
            raise UnauthorizedError(
                "The tenant or the subject in the token has characters that are not allowed."
            ) from error
        return Caller(tenant, user, role)
