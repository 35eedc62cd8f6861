"""The issuer's keys: slow, missing, changed and malformed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from assistant.errors import IssuerUnavailableError
from assistant.identity import key_set as module
from assistant.identity.key_set import (
    COOLDOWN_SECONDS,
    FAILURE_COOLDOWN_SECONDS,
    LIFETIME_SECONDS,
    MAX_AGE_SECONDS,
    MAX_TRIES,
    MAX_UNKNOWN_IDS,
    UNKNOWN_SECONDS,
    KeySet,
)
from tests.support.tls_issuer import TlsIssuer, jwk, new_ec_key, new_rsa_key, reply

pytestmark = pytest.mark.anyio

RSA, EC = new_rsa_key(), new_ec_key()


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(provider: TlsIssuer, clock: Clock) -> KeySet:
    return KeySet(provider.publish(jwk(RSA, kid="1", use="sig"), jwk(EC, kid="2", use="sig")), clock=clock)


async def ids(keys: KeySet, key_id: str | None, algorithm: str = "RS256") -> list[str | None]:
    return [key.key_id for key in await keys.find(key_id, algorithm)]


async def until_it_asks(provider: TlsIssuer) -> None:
    """Return when the provider has got one more request."""
    assert await asyncio.to_thread(provider.arrived.acquire, timeout=60)


async def test_many_first_requests_share_one_fetch(keys: KeySet, provider: TlsIssuer) -> None:
    assert await asyncio.gather(*(ids(keys, "1") for _ in range(20))) == [["1"]] * 20
    assert provider.fetches == 1


async def test_tokens_with_invented_ids_do_not_make_a_good_one_wait(
    keys: KeySet, provider: TlsIssuer, clock: Clock
) -> None:
    assert await ids(keys, "1") == ["1"]
    clock.now += COOLDOWN_SECONDS
    provider.gate.clear()
    invented = [asyncio.create_task(ids(keys, f"invented-{number}")) for number in range(6)]
    provider.arrived.acquire()
    await until_it_asks(provider)
    # The issuer has not answered, and the good token has its key.
    assert await ids(keys, "1") == ["1"]
    assert not any(task.done() for task in invented)
    provider.gate.set()
    assert await asyncio.gather(*invented) == [[]] * 6
    assert provider.fetches == 2


async def test_an_unknown_id_causes_no_second_fetch(keys: KeySet, provider: TlsIssuer, clock: Clock) -> None:
    assert await ids(keys, "invented") == []
    clock.now += COOLDOWN_SECONDS
    assert await ids(keys, "invented") == []
    assert provider.fetches == 1
    clock.now += UNKNOWN_SECONDS
    assert await ids(keys, "invented") == []
    assert provider.fetches == 2


async def test_a_new_key_is_found_after_the_cool_down_also_if_its_id_was_unknown(
    keys: KeySet, provider: TlsIssuer, clock: Clock
) -> None:
    assert await ids(keys, "3") == []
    provider.publish(jwk(RSA, kid="3"))
    assert await ids(keys, "3") == []
    clock.now += COOLDOWN_SECONDS
    # A token with another unknown id fetches the set, and both are judged by the new set.
    assert await ids(keys, "invented") == []
    assert await ids(keys, "3") == ["3"]
    assert await ids(keys, "1") == []


async def test_a_new_key_that_is_tried_during_the_cool_down_is_found_after_it(
    keys: KeySet, provider: TlsIssuer, clock: Clock
) -> None:
    assert await ids(keys, "1") == ["1"]
    provider.publish(jwk(RSA, kid="3"))
    for _ in range(COOLDOWN_SECONDS):
        assert await ids(keys, "3") == []
        clock.now += 1
    assert await ids(keys, "3") == ["3"]
    assert provider.fetches == 2


async def test_tries_with_an_unknown_id_do_not_prolong_its_time(
    keys: KeySet, provider: TlsIssuer, clock: Clock
) -> None:
    assert await ids(keys, "3") == []
    provider.publish(jwk(RSA, kid="3"))
    for _ in range(UNKNOWN_SECONDS):
        assert await ids(keys, "3") == []
        clock.now += 1
    assert await ids(keys, "3") == ["3"]


async def test_the_memory_of_unknown_ids_is_bounded(clock: Clock) -> None:
    async def published(_: str) -> bytes:
        return json.dumps({"keys": [jwk(RSA, kid="1")]}).encode()

    keys = KeySet("https://issuer.example", fetch=published, clock=clock)
    for number in range(MAX_UNKNOWN_IDS + 50):
        await keys.find(f"invented-{number}", "RS256")
        clock.now += COOLDOWN_SECONDS
    assert len(keys._unknown) == MAX_UNKNOWN_IDS


async def test_without_keys_the_answer_is_503_and_a_cool_down_follows(
    keys: KeySet, provider: TlsIssuer, clock: Clock
) -> None:
    provider.answer = lambda handler: reply(handler, b"", 500)
    for _ in range(3):
        with pytest.raises(IssuerUnavailableError) as raised:
            await keys.find("1", "RS256")
    assert provider.fetches == 1
    assert raised.value.retry_after == FAILURE_COOLDOWN_SECONDS
    assert "HTTP 500" in str(raised.value.fix)
    provider.answer = None
    clock.now += FAILURE_COOLDOWN_SECONDS
    assert await ids(keys, "1") == ["1"]


async def test_old_keys_serve_during_an_outage_up_to_their_maximum_age(
    keys: KeySet, provider: TlsIssuer, clock: Clock
) -> None:
    assert await ids(keys, "1") == ["1"]
    provider.answer = lambda handler: reply(handler, b"", 500)
    clock.now += LIFETIME_SECONDS
    for _ in range(3):
        assert await ids(keys, "1") == ["1"]
    assert provider.fetches == 2
    # An unknown key may be a new one, so this is not the caller's fault.
    with pytest.raises(IssuerUnavailableError):
        await keys.find("3", "RS256")
    clock.now += MAX_AGE_SECONDS - LIFETIME_SECONDS - 1
    assert await ids(keys, "1") == ["1"]
    clock.now += FAILURE_COOLDOWN_SECONDS
    with pytest.raises(IssuerUnavailableError):
        await keys.find("1", "RS256")


async def test_a_renewal_makes_nobody_else_wait(
    keys: KeySet, provider: TlsIssuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await ids(keys, "1") == ["1"]
    provider.arrived.acquire()
    monkeypatch.setattr(module, "RENEWAL_PATIENCE_SECONDS", 3600)
    clock.now += LIFETIME_SECONDS
    provider.gate.clear()
    renewing = asyncio.create_task(ids(keys, "1"))
    await until_it_asks(provider)
    assert await ids(keys, "1") == ["1"]
    assert not renewing.done()
    provider.gate.set()
    assert await renewing == ["1"]


async def test_the_request_that_renews_waits_for_a_bounded_time(
    keys: KeySet, provider: TlsIssuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await ids(keys, "1") == ["1"]
    monkeypatch.setattr(module, "RENEWAL_PATIENCE_SECONDS", 0.01)
    clock.now += LIFETIME_SECONDS
    provider.gate.clear()
    try:
        assert await ids(keys, "1") == ["1"]
    finally:
        provider.gate.set()


async def test_a_removed_key_is_refused_after_the_lifetime(keys: KeySet, provider: TlsIssuer, clock: Clock) -> None:
    assert await ids(keys, "1") == ["1"]
    provider.publish(jwk(RSA, kid="3"))
    assert await ids(keys, "1") == ["1"]
    clock.now += LIFETIME_SECONDS
    assert await ids(keys, "1") == []


async def test_a_request_that_leaves_does_not_cancel_the_fetch_of_others(keys: KeySet, provider: TlsIssuer) -> None:
    provider.gate.clear()
    first = asyncio.create_task(ids(keys, "1"))
    await until_it_asks(provider)
    second = asyncio.create_task(ids(keys, "1"))
    await asyncio.sleep(0)
    first.cancel()
    provider.gate.set()
    assert await second == ["1"]
    assert provider.fetches == 1


@pytest.mark.parametrize(
    "document",
    [
        b"<html>Bad gateway</html>",
        b"\xff\xfe",
        b"",
        b"[]",
        b"null",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [1, null, "x"]}',
        b'{"error": "not found"}',
        b"[" * 100_000,
        json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "1"}]}).encode(),
        json.dumps({"keys": [{"kty": "RSA", "kid": "1", "n": "!", "e": "AQAB"}]}).encode(),
        json.dumps({"keys": [jwk(RSA, kid="1", use="enc")]}).encode(),
    ],
    ids=lambda document: document[:30].decode("latin-1"),
)
async def test_a_document_that_is_no_key_set_is_no_judgement_of_the_token(
    keys: KeySet, provider: TlsIssuer, document: bytes
) -> None:
    provider.answer = lambda handler: reply(handler, document)
    with pytest.raises(IssuerUnavailableError):
        await keys.find("1", "RS256")


async def test_a_document_that_is_no_key_set_does_not_replace_one(
    keys: KeySet, provider: TlsIssuer, clock: Clock
) -> None:
    assert await ids(keys, "1") == ["1"]
    provider.answer = lambda handler: reply(handler, b'{"keys": []}')
    clock.now += LIFETIME_SECONDS
    assert await ids(keys, "1") == ["1"]
    assert provider.fetches == 2


async def test_a_malformed_key_does_not_spoil_the_others(provider: TlsIssuer) -> None:
    broken: list[Any] = [{"kty": "RSA", "kid": "x", "n": 5}, {"kty": "what"}, "no key", {"kty": ["RSA"]}, None]
    assert await ids(KeySet(provider.publish(*broken, jwk(RSA, kid="1"))), "1") == ["1"]


async def test_a_key_serves_its_own_algorithm_only(provider: TlsIssuer) -> None:
    keys = KeySet(provider.publish(jwk(RSA, kid="1", alg="RS512"), jwk(EC, kid="2")))
    assert await ids(keys, "1", "RS512") == ["1"]
    assert await ids(keys, "1", "RS256") == []
    assert await ids(keys, "2", "ES256") == ["2"]
    assert await ids(keys, "2", "ES384") == []
    assert await ids(keys, "2", "RS256") == []
    assert await ids(keys, "2", "HS256") == []


async def test_keys_without_an_id_and_keys_of_one_id_are_all_candidates(provider: TlsIssuer) -> None:
    keys = KeySet(provider.publish(jwk(RSA), jwk(new_rsa_key(), kid="1"), jwk(new_rsa_key(), kid="1"), jwk(EC)))
    assert await ids(keys, "1") == ["1", "1"]
    assert await ids(keys, "other") == [None]
    assert await ids(keys, None) == [None, "1", "1"]
    assert await ids(keys, None, "ES256") == [None]


async def test_a_token_without_an_id_is_tried_with_few_keys(provider: TlsIssuer) -> None:
    many = [jwk(new_ec_key()) for _ in range(MAX_TRIES + 3)]
    assert len(await KeySet(provider.publish(*many)).find(None, "ES256")) == MAX_TRIES
