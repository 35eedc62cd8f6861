"""Who is calling: a `Caller` from a verified token.

Everything that is stored or read carries the caller's tenant and user in its key, so this is the only place
that decides whose data a request can reach.
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
# Two clocks are seldom equal; issuers commonly allow a minute.
CLOCK_LEEWAY_SECONDS = 60
# A signing key is fetched once and then kept; an unknown key id fetches the set again.
JWKS_LIFETIME_SECONDS = 3600
JWKS_TIMEOUT_SECONDS = 5
# A token with an invented key id must not make us fetch the set each time; a new key waits this long at most.
JWKS_COOLDOWN_SECONDS = 30


@dataclass(frozen=True)
class Caller:
    """The verified identity of a request.

    Attributes:
        tenant_id: The organisation, from the claim that `AUTH_TENANT_CLAIM` names.
        user_id: The subject of the token.
        role: What the caller may do, from the claim that `AUTH_ROLE_CLAIM` names; `user` when it is absent.
    """

    tenant_id: str
    user_id: str
    role: str = DEFAULT_ROLE

    @property
    def partition(self) -> str:
        """The partition of what belongs to this user and to no thread."""
        return user_partition(self.tenant_id, self.user_id)

    def thread(self, thread_id: str) -> ThreadRef:
        """Return where a thread of this user is. A thread of anybody else has another key."""
        return ThreadRef(self.tenant_id, self.user_id, thread_id)


class Authenticator:
    """Turns request headers into a `Caller`.

    In `guest` mode a request without a token is the guest; a token that is sent is verified in both modes.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.auth_jwks_url and not (settings.auth_issuer and settings.auth_audience):
            raise ConfigurationError("AUTH_JWKS_URL needs AUTH_ISSUER and AUTH_AUDIENCE beside it.")
        self._settings = settings
        self._keys: jwt.PyJWKClient | None = None

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return who is calling.

        Args:
            headers: The request's headers, case-insensitive or in lower case.

        Raises:
            UnauthorizedError: there is no token where one is needed, or it does not verify.
            StoreUnavailableError: the issuer's keys cannot be fetched.
        """
        header = headers.get(self._settings.auth_header, "").strip()
        if not header:
            if self._settings.auth_mode == "guest":
                return Caller(GUEST_TENANT, GUEST_USER)
            raise UnauthorizedError
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthorizedError("The token must be sent as 'Bearer <token>'.")
        # Fetching the issuer's keys blocks, and so does checking an RSA signature for a millisecond.
        claims = await asyncio.to_thread(self._verify, token.strip())
        return self._from_claims(claims)

    def _verify(self, token: str) -> dict[str, Any]:
        import jwt

        settings = self._settings
        if not settings.auth_jwks_url:
            raise UnauthorizedError("This deployment accepts no tokens.")
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
            # The issuer is down, or something that is not the issuer answers in its place.
            raise StoreUnavailableError("The token issuer is out of reach. Please try again.") from error
        except jwt.PyJWTError as error:
            raise UnauthorizedError("The token is not valid.") from error
        return claims

    def _from_claims(self, claims: Mapping[str, Any]) -> Caller:
        tenant, user = claims.get(self._settings.auth_tenant_claim), claims.get("sub")
        role = claims.get(self._settings.auth_role_claim, DEFAULT_ROLE)
        if not (isinstance(tenant, str) and isinstance(user, str)):
            raise UnauthorizedError("The token lacks the tenant or the subject.")
        if not isinstance(role, str):
            raise UnauthorizedError("The token's role is not a text.")
        try:
            checked_component(tenant, "tenant")
            checked_component(user, "subject")
        except ValueError as error:
            raise UnauthorizedError("The token's tenant or subject cannot be used.") from error
        return Caller(tenant, user, role)
