"""Read the token of a request and return its `Caller`."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from assistant.errors import UnauthorizedError
from assistant.identity.caller import GUEST_TENANT, GUEST_USER, Caller
from assistant.identity.rules import token_rules
from assistant.identity.tokens import TokenVerifier
from assistant.settings import Settings

logger = logging.getLogger(__name__)


class Authenticator:
    """Returns the `Caller` of a request.

    In `guest` mode, a request without a token is from the guest. A token is verified in both modes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens = TokenVerifier(token_rules(settings))

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
        try:
            return await self._tokens.caller(token.strip())
        except UnauthorizedError as error:
            # For the operator. The reason contains neither the token nor the user.
            logger.warning("A token was refused: %s", error.fix or error.message)
            raise
