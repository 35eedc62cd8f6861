"""Verify the token of a request and return its `Caller`.

Every key in the table and the bucket contains the caller's tenant and user. So this module alone decides whose data a
request can reach.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assistant.aws.keys import ThreadRef, checked_component, user_partition
from assistant.errors import ConfigurationError, StoreUnavailableError, UnauthorizedError
from assistant.settings import Settings

if TYPE_CHECKING:
    import jwt

GUEST_TENANT = "local"
GUEST_USER = "guest"
DEFAULT_ROLE = "user"
# The issuer's clock and ours may differ. One minute is the usual tolerance.
CLOCK_LEEWAY_SECONDS = 60
# Signing keys are cached this long. A token with an unknown key id fetches them again.
JWKS_LIFETIME_SECONDS = 3600
JWKS_TIMEOUT_SECONDS = 5
# Tokens with invented key ids fetch the keys at most this often. A new key is known after this time at the latest.
JWKS_COOLDOWN_SECONDS = 30


@dataclass(frozen=True)
class Caller:
    """The verified identity of a request.

    Attributes:
        tenant_id: The organisation, from the claim that `AUTH_TENANT_CLAIM` names.
        user_id: The subject of the token.
        role: The role, from the claim that `AUTH_ROLE_CLAIM` names. Default: `user`.
    """

    tenant_id: str
    user_id: str
    role: str = DEFAULT_ROLE

    @property
    def partition(self) -> str:
        """The partition key of the user's rows that belong to no thread."""
        return user_partition(self.tenant_id, self.user_id)

    def thread(self, thread_id: str) -> ThreadRef:
        """Return the key of a thread of this user. Another user's thread has a different key, even with the same id."""
        return ThreadRef(self.tenant_id, self.user_id, thread_id)


class Authenticator:
    """Returns the `Caller` of a request.

    In `guest` mode, a request without a token is from the guest. A token is verified in both modes.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.auth_jwks_url and not (settings.auth_issuer and settings.auth_audience):
            raise ConfigurationError("AUTH_JWKS_URL is set. Set AUTH_ISSUER and AUTH_AUDIENCE too.")
        self._settings = settings
        self._keys: jwt.PyJWKClient | None = None

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return the caller.

        Args:
            headers: The request's headers, case-insensitive or in lower case.

        Raises:
            UnauthorizedError: The token is missing or not valid.
            StoreUnavailableError: The issuer's keys cannot be fetched.
        """
        header = headers.get(self._settings.auth_header, "").strip()
        if not header:
            if self._settings.auth_mode == "guest":
                return Caller(GUEST_TENANT, GUEST_USER)
            raise UnauthorizedError
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthorizedError("The token must be sent as 'Bearer <token>'.")
        # In a thread: fetching the issuer's keys blocks, and checking an RSA signature takes a millisecond.
        claims = await asyncio.to_thread(self._verify, token.strip())
        return self._from_claims(claims)

    def _verify(self, token: str) -> dict[str, Any]:
        import jwt

        settings = self._settings
        if not settings.auth_jwks_url:
            raise UnauthorizedError("This assistant accepts no tokens.")
        if self._keys is None:
            self._keys = jwt.PyJWKClient(
                settings.auth_jwks_url,
                lifespan=JWKS_LIFETIME_SECONDS,
                timeout=JWKS_TIMEOUT_SECONDS,
                cooldown_duration=JWKS_COOLDOWN_SECONDS,
            )
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(settings.auth_algorithms),
                issuer=settings.auth_issuer,
                audience=settings.auth_audience,
                leeway=CLOCK_LEEWAY_SECONDS,
                options={"require": ["exp", "sub"]},
            )
        except (jwt.PyJWKClientConnectionError, json.JSONDecodeError, UnicodeDecodeError) as error:
            # The issuer is down, or a proxy answers with something that is not a key set.
            raise StoreUnavailableError("Your sign-in cannot be checked at the moment. Please try again.") from error
        except jwt.PyJWTError as error:
            raise UnauthorizedError("Your sign-in is not valid or has expired. Please sign in again.") from error
        return claims

    def _from_claims(self, claims: Mapping[str, Any]) -> Caller:
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
