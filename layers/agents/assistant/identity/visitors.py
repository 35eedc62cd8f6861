"""Visitors: each gets an identity of their own, in a token that this deployment signs."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from hashlib import sha256
from hmac import digest

from assistant.aws.keys import checked_component
from assistant.errors import ConfigurationError
from assistant.identity.caller import Caller
from assistant.identity.tokens import CLOCK_LEEWAY_SECONDS, refused
from assistant.settings import VisitorSettings

# The issuer and the audience of our own tokens. No identity provider has such an issuer, because it is no URL.
ISSUER = "chatkit-visitors"
# The page renews a token each time it loads. A visitor who stays away longer is a new one.
TOKEN_SECONDS = 30 * 24 * 3600
# HS256 needs 32 bytes (RFC 7518). A shorter key could be guessed.
MIN_KEY_BYTES = 32
# A changed secret is read again after this time.
KEY_LIFETIME_SECONDS = 300
# The prefix keeps visitors apart from the users of an identity provider that share their tenant.
_USER = re.compile(r"visitor_[0-9a-f]{32}")


class Visitors:
    """Issues and verifies the tokens of visitors."""

    def __init__(self, settings: VisitorSettings) -> None:
        try:
            checked_component(settings.tenant, "tenant")
        except ValueError as error:
            raise ConfigurationError(f"VISITOR_TENANT cannot be used: {error}") from None
        self._settings = settings
        self._keys: list[bytes] = []
        self._keys_read_at = 0.0

    async def issue(self, visitor: Caller | None = None) -> str:
        """Return a new token.

        Args:
            visitor: The visitor whose token is renewed. None: a new visitor.
        """
        import jwt

        user = visitor.user_id if visitor is not None else f"visitor_{secrets.token_hex(16)}"
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": ISSUER, "sub": user, "iat": now, "exp": now + TOKEN_SECONDS}
        return jwt.encode(claims, (await self._signing_keys())[0], algorithm="HS256")

    async def caller(self, token: str) -> Caller:
        """Return the visitor of a valid token.

        Raises:
            UnauthorizedError: The token is not valid.
        """
        import jwt

        for key in await self._signing_keys():
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=["HS256"],
                    issuer=ISSUER,
                    audience=ISSUER,
                    leeway=CLOCK_LEEWAY_SECONDS,
                    options={"require": ["exp", "sub"]},
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError as error:
                raise refused(f"a visitor's token: {type(error).__name__}") from None
            if not _USER.fullmatch(claims["sub"]):
                raise refused("a visitor's token names no visitor")
            return Caller(self._settings.tenant, claims["sub"], self._settings.role, visitor=True)
        raise refused("a visitor's token: its signature is not valid (VISITOR_KEY)")

    async def address_id(self, address: str) -> str:
        """Return an id for an address. Without the key, nobody can compute the address from it."""
        return digest((await self._signing_keys())[0], address.encode(), sha256).hex()[:32]

    async def _signing_keys(self) -> list[bytes]:
        if not self._keys or time.time() - self._keys_read_at > KEY_LIFETIME_SECONDS:
            text = await asyncio.to_thread(self._settings.key.read)
            keys = [key.strip().encode() for key in text.split(",") if key.strip()]
            if not keys or min(len(key) for key in keys) < MIN_KEY_BYTES:
                raise ConfigurationError(f"VISITOR_KEY must have at least {MIN_KEY_BYTES} characters.")
            self._keys, self._keys_read_at = keys, time.time()
        return self._keys


def is_visitor_token(token: str) -> bool:
    """Tell whether a token claims to be a visitor's."""
    import jwt

    try:
        return bool(jwt.decode(token, options={"verify_signature": False}).get("iss") == ISSUER)
    except jwt.PyJWTError:
        return False
