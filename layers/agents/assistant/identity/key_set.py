"""The public keys of one issuer: fetched once, renewed without making requests wait, and kept during an outage."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assistant.errors import IssuerUnavailableError
from assistant.identity.fetch import FetchError, fetch

if TYPE_CHECKING:
    from jwt import PyJWK

logger = logging.getLogger(__name__)

# Keys are renewed after this time. A key that the issuer has removed is valid for as long.
LIFETIME_SECONDS = 3600
# If the issuer cannot be reached, its last keys are valid for this time after their fetch. Then the answer is 503.
MAX_AGE_SECONDS = 24 * 3600
# The request that renews old keys waits this long and then uses the old keys. Other requests do not wait.
RENEWAL_PATIENCE_SECONDS = 1.0
# After a fetch, tokens with unknown key ids cause no other fetch for this time. So a new key is known after this time.
COOLDOWN_SECONDS = 30
# After a failed fetch, the next one waits this long. Until then a process without keys answers 503 at once.
FAILURE_COOLDOWN_SECONDS = 10
# A key id that the issuer did not know causes no fetch for this time.
UNKNOWN_SECONDS = 120
# Invented ids must not fill the memory. The oldest entry is removed.
MAX_UNKNOWN_IDS = 1000
# A token without a key id is tried with this many keys: each try costs a signature check. Providers publish 2 to 6.
MAX_TRIES = 8
# The algorithms that can be accepted, and the type of key that each needs. A shared secret (HS256) is never accepted:
# every service that knows it could sign tokens, and a public key could be taken for a secret.
KEY_TYPES = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


@dataclass(frozen=True)
class PublishedKey:
    """A key of the set.

    Attributes:
        jwk: The key as published.
        key_id: Its `kid`, if it has one.
        issuer: The issuer that may use it, if the set says so. Microsoft's set does.
    """

    jwk: dict[str, Any]
    key_id: str | None
    issuer: str | None

    def fits(self, algorithm: str) -> bool:
        """Tell whether the key may verify signatures with this algorithm."""
        return (
            self.jwk.get("kty") == KEY_TYPES.get(algorithm)
            and self.jwk.get("alg", algorithm) == algorithm
            and self.jwk.get("crv") in (None, _CURVES.get(algorithm, self.jwk.get("crv")))
        )

    def load(self, algorithm: str) -> PyJWK:
        """Return the key for one algorithm."""
        from jwt import PyJWK

        return PyJWK(self.jwk, algorithm)


def parse_key_set(document: bytes) -> list[PublishedKey]:
    """Return the usable keys of a JSON Web Key Set.

    Raises:
        FetchError: The document is no key set, or has no key for signatures.
    """
    try:
        entries = json.loads(document)["keys"]
        keys = [key for entry in entries if (key := _parse_key(entry))]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise FetchError("the answer is not a JSON Web Key Set") from None
    if not keys:
        raise FetchError("the key set has no public key for signatures")
    return keys


def _parse_key(entry: Any) -> PublishedKey | None:
    """Return a key, or None if it is not for signatures or is malformed. Other keys of the set stay usable."""
    from jwt.exceptions import PyJWTError

    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    key_id, issuer = entry.get("kid"), entry.get("issuer")
    key = PublishedKey(entry, key_id if isinstance(key_id, str) else None, issuer if isinstance(issuer, str) else None)
    algorithm = next((name for name in KEY_TYPES if key.fits(name)), None)
    if algorithm is None:
        return None
    try:
        key.load(algorithm)
    except (PyJWTError, ValueError, TypeError, AttributeError):
        return None
    return key


class KeySet:
    """The keys at one URL, for one process.

    A request whose key is known never waits for another request's fetch. There is at most one fetch at a time.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Callable[[str], Awaitable[bytes]] = fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: list[PublishedKey] = []
        self._fetched_at = 0.0
        self._next_fetch_at = 0.0
        self._failure: str | None = "no fetch has ended"
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> list[PublishedKey]:
        """Return the keys that may have signed a token. Empty: the issuer does not know the key.

        Args:
            key_id: The token's `kid`, if it has one.
            algorithm: The token's `alg`.

        Raises:
            IssuerUnavailableError: The keys cannot be fetched, and there are none that are recent enough.
        """
        if self._age() < MAX_AGE_SECONDS and self._matching(key_id, algorithm):
            if self._age() >= LIFETIME_SECONDS and self._may_fetch():
                # Wait for a short time, so that a frozen process does not postpone every renewal.
                await asyncio.wait([self._start_fetch()], timeout=RENEWAL_PATIENCE_SECONDS)
            return self._matching(key_id, algorithm)
        if key_id is not None and self._is_unknown(key_id):
            return []
        fetched = await self.renew()
        found = self._matching(key_id, algorithm)
        # Only a fetch after the token has arrived proves that the issuer does not know the key.
        if key_id is not None and fetched and not found:
            self._remember_unknown(key_id)
        return found

    async def renew(self) -> bool:
        """Fetch the keys unless a fetch has just ended. Return whether this call waited for a fetch.

        Raises:
            IssuerUnavailableError: The last fetch has failed, so the keys may be outdated or missing.
        """
        waited = False
        if self._is_fetching() or self._may_fetch():
            waited = True
            await asyncio.wait([self._start_fetch()])
        if self._failure is not None:
            raise IssuerUnavailableError(
                retry_after=max(1.0, self._next_fetch_at - self._clock()),
                fix=f"the issuer's keys at {self._url} cannot be fetched: {self._failure}",
            )
        return waited

    def _matching(self, key_id: str | None, algorithm: str) -> list[PublishedKey]:
        fitting = [key for key in self._keys if key.fits(algorithm)]
        if key_id is not None:
            named = [key for key in fitting if key.key_id == key_id]
            # An issuer with one key may publish it without an id.
            fitting = named or [key for key in fitting if key.key_id is None]
        return fitting[:MAX_TRIES]

    def _age(self) -> float:
        return self._clock() - self._fetched_at if self._keys else float("inf")

    def _may_fetch(self) -> bool:
        return not self._is_fetching() and self._clock() >= self._next_fetch_at

    def _is_fetching(self) -> bool:
        # A task of a closed event loop never ends.
        task = self._fetching
        return task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop()

    def _start_fetch(self) -> asyncio.Task[None]:
        """Return the running fetch, or start one. A request that is cancelled does not cancel it."""
        if not self._is_fetching() or self._fetching is None:
            self._fetching = asyncio.create_task(self._load())
        return self._fetching

    async def _load(self) -> None:
        self._next_fetch_at = self._clock() + FAILURE_COOLDOWN_SECONDS
        try:
            keys = await asyncio.to_thread(parse_key_set, await self._fetch(self._url))
        except FetchError as error:
            self._failure = str(error)
            self._next_fetch_at = self._clock() + FAILURE_COOLDOWN_SECONDS
            logger.warning("The issuer's keys cannot be fetched from %s (AUTH_JWKS_URL): %s", self._url, error)
            return
        self._keys, self._failure = keys, None
        self._fetched_at = self._clock()
        self._next_fetch_at = self._fetched_at + COOLDOWN_SECONDS

    def _is_unknown(self, key_id: str) -> bool:
        return self._age() < MAX_AGE_SECONDS and self._unknown.get(key_id, 0.0) > self._clock()

    def _remember_unknown(self, key_id: str) -> None:
        self._unknown[key_id] = self._clock() + UNKNOWN_SECONDS
        self._unknown.move_to_end(key_id)
        while len(self._unknown) > MAX_UNKNOWN_IDS:
            self._unknown.popitem(last=False)
