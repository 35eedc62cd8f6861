"""Read the token of a request and return its `Caller`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from assistant.errors import UnauthorizedError
from assistant.identity.caller import GUEST_TENANT, GUEST_USER, Caller
from assistant.identity.rules import token_rules
from assistant.identity.tokens import TokenVerifier
from assistant.identity.visitors import Visitors, is_visitor_token
from assistant.settings import Settings

logger = logging.getLogger(__name__)

# With this prefix, browsers accept the cookie only over HTTPS, and no other host of the site can set it.
VISITOR_COOKIE = "__Host-chatkit-visitor"


class Authenticator:
    """Returns the `Caller` of a request.

    In `guest` mode, a request without a token is from the guest. A token is verified in every mode.

    Attributes:
        visitors: Issues visitors' tokens; None unless the mode is `visitor`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens = TokenVerifier(token_rules(settings))
        self.visitors = Visitors(settings.visitors) if settings.auth_mode == "visitor" else None

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return the caller.

        Args:
            headers: The request's headers, case-insensitive or in lower case.

        Raises:
            UnauthorizedError: The token is missing or not valid.
            IssuerUnavailableError: The issuer's keys cannot be fetched.
        """
        token = self._token(headers)
        if token is None:
            if self._settings.auth_mode == "guest":
                return Caller(GUEST_TENANT, GUEST_USER)
            raise UnauthorizedError
        try:
            if self.visitors is not None and is_visitor_token(token):
                return await self.visitors.caller(token)
            return await self._tokens.caller(token)
        except UnauthorizedError as error:
            # For the operator. The reason contains neither the token nor the user.
            logger.warning("A token was refused: %s", error.fix or error.message)
            raise

    async def visitor(self, token: str | None, headers: Mapping[str, str]) -> Caller:
        """Return the visitor of a token that a user sends beside the own one, or of the visitors' cookie.

        Raises:
            UnauthorizedError: there is no visitor's token, or it is not valid.
        """
        found = token or self._cookie(headers)
        if self.visitors is None or found is None:
            raise UnauthorizedError
        return await self.visitors.caller(found)

    def _token(self, headers: Mapping[str, str]) -> str | None:
        header = headers.get(self._settings.auth_header, "").strip()
        if not header:
            return self._cookie(headers)
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthorizedError("The token must be sent as 'Bearer <token>'.")
        return token.strip()

    def _cookie(self, headers: Mapping[str, str]) -> str | None:
        """Return the visitor's token in a cookie. Other tokens are never read from a cookie."""
        if self.visitors is None or not self._settings.visitors.cookie:
            return None
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(VISITOR_COOKIE)
        except CookieError:
            return None
        return found.value if found is not None and is_visitor_token(found.value) else None
