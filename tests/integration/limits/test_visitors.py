"""A visitor has the visitors' limits, and records of the visitors' tenant and of one visitor change them, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx2
import jwt
import pytest

from assistant import quotas
from assistant.context import Resources
from assistant.settings import load_settings
from tests.integration.limits.conftest import ServerMaker
from tests.integration.limits.test_paid_actions import FILE, PATH, RECORDING
from tests.support.app_server import AppServer, new_thread
from tests.support.aws import Aws

pytestmark = pytest.mark.anyio

USAGE = "/chatkit/api/usage"


@pytest.fixture
def resources(aws_environment: Aws) -> Resources:
    return Resources(load_settings(aws_environment.environment(LLM_PROVIDER="demo")))


@pytest.fixture
def site(serve: ServerMaker, tenant: str) -> AppServer:
    """A deployment for visitors and for users, with other limits for each."""
    of_users = {"QUOTA_TURNS_PER_MINUTE": "20", "QUOTA_UPLOADS_PER_DAY": "1", "QUOTA_TRANSCRIPTIONS_PER_MINUTE": "1"}
    of_visitors = {"VISITOR_TURNS_PER_MINUTE": "2", "VISITORS_TURNS_PER_MINUTE": "100", "VISITORS_PER_ADDRESS": "1000"}
    of_visitors["VISITOR_UPLOADS_PER_DAY"] = "3"
    mode = {"AUTH_MODE": "visitor", "VISITOR_KEY": "k" * 32, "VISITOR_TENANT": tenant}
    return serve(**mode, **of_users, **of_visitors)


async def visitor(site: AppServer) -> tuple[httpx2.AsyncClient, str]:
    """Return a client of a new visitor, and the visitor's id."""
    async with httpx2.AsyncClient(base_url=site.url, timeout=120) as nobody:
        token = (await nobody.post("/chatkit/api/visitor")).json()["token"]
    return site.client(token), str(jwt.decode(token, options={"verify_signature": False})["sub"])


async def statuses(client: httpx2.AsyncClient, *bodies: Any) -> list[int]:
    return [(await client.post(PATH, json=body)).status_code for body in bodies]


async def test_a_visitor_has_the_visitors_limits_and_those_of_users_that_visitors_have_none_of(site: AppServer) -> None:
    ann, _ = await visitor(site)
    async with ann:
        limits = (await ann.get(USAGE)).json()["limits"]
        assert (limits["turns_per_minute"], limits["tokens_per_day"], limits["spend_per_day"]) == (2, 50_000, 0.5)
        assert await statuses(ann, *[new_thread("hello")] * 3) == [200, 200, 429]
        assert await statuses(ann, *[FILE] * 4, RECORDING, RECORDING) == [200, 200, 200, 429, 200, 429]


async def test_records_of_the_visitors_tenant_and_of_one_visitor_hold_together_with_the_visitors_limits(
    site: AppServer, resources: Resources, tenant: str
) -> None:
    await quotas.change_limits(resources, tenant, None, {"turns_per_minute": 1, "uploads_per_day": 2})
    (ann, ann_id), (bob, _) = await visitor(site), await visitor(site)
    async with ann, bob:
        assert await statuses(bob, *[new_thread("hello")] * 2) == [200, 429]
        await quotas.change_limits(resources, tenant, ann_id, {"turns_per_minute": 3})
        limits = (await ann.get(USAGE)).json()["limits"]
        # The visitor's record, the tenant's record, and the visitors' setting.
        assert (limits["turns_per_minute"], limits["uploads_per_day"], limits["tokens_per_day"]) == (3, 2, 50_000)
        assert await statuses(ann, *[new_thread("hello")] * 4) == [200, 200, 200, 429]
        assert await statuses(ann, FILE, FILE, FILE) == [200, 200, 429]


async def test_a_record_limits_all_visitors_together_and_no_user(
    site: AppServer, resources: Resources, issuer: Any, tenant: str
) -> None:
    await quotas.change_limits(resources, tenant, None, {"tenant_turns_per_minute": 1})
    (ann, _), (bob, _) = await visitor(site), await visitor(site)
    async with ann, bob, site.client(issuer.token(tenant_id=f"{tenant}-users", sub="eve")) as user:
        assert await statuses(ann, new_thread("hello")) == [200]
        assert await statuses(bob, new_thread("hello")) == [429]
        assert await statuses(user, *[new_thread("hello")] * 3) == [200, 200, 200]
        assert (await user.get(USAGE)).json()["limits"]["turns_per_minute"] == 20
