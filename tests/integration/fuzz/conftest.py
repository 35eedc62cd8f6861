"""Fixtures: the functions, and requests of the protocol with ids of two users."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.context import Resources
from assistant.identity import GUEST_TENANT, GUEST_USER, Caller
from assistant.settings import load_settings
from tests.support.aws import Aws
from tests.support.fuzzed_requests import Inside
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, running_issuer
from tests.support.private_data import converse

# Examples of each test. The long form has more than 10,000 in all.
SHORT, LONG = 60, 2_700


@pytest.fixture(params=[pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.exhaustive)])
def fuzz(request: pytest.FixtureRequest) -> Callable[[st.SearchStrategy[Any], Callable[[Any], None]], None]:
    """Run a check on random examples. They are the same ones each time."""

    def run(examples: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
        @settings(
            max_examples=request.param,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(examples)
        def test(example: Any) -> None:
            check(example)

        test()

    return run


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop that the handlers find, as Lambda's runtime has it."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield made
    asyncio.set_event_loop(None)
    made.close()


@pytest.fixture(scope="module")
def inside(table_and_bucket: Aws, issuer: Issuer, loop: asyncio.AbstractEventLoop) -> Iterator[Inside]:
    """The requests. The process's environment is that of the functions for the module's time."""
    environment = table_and_bucket.environment(
        LLM_PROVIDER="demo",
        CHAT_TURN_SECONDS="300",
        THREAD_TITLES="false",
        AUTH_ISSUER=ISSUER,
        AUTH_AUDIENCE=AUDIENCE,
        AUTH_JWKS_URL=issuer.url,
        ADMIN_ROLES="admin",
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        resources, guest = Resources(load_settings(environment)), Caller(GUEST_TENANT, GUEST_USER)
        # The guest's files belong to a user of the issuer, who is the guest for the table.
        made = [
            loop.run_until_complete(converse(resources, issuer, caller, words))
            for caller, words in ((guest, "mine"), (guest, "mine"), (Caller("acme", "ann"), "secret"))
        ]
        yield Inside(table_and_bucket, environment, *made)
