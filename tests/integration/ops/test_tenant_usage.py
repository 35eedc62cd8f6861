"""An admin sees what the own tenant uses, by user, model and day, and each look is audited."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest

from assistant import audit
from assistant.api import create_app
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.cursors import cursor_of
from assistant.identity import Caller
from assistant.settings import load_settings
from assistant.upkeep import usage_of_tenants
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.issuer import AUDIENCE, ISSUER, Issuer

pytestmark = pytest.mark.anyio

PATH = "/chatkit/api/usage/tenant"


class Deployment:
    """A deployment with models that cost, and with admins."""

    def __init__(self, aws: Aws, issuer: Issuer) -> None:
        tokens = {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": issuer.url}
        more = {"LLM_PROVIDER": "demo", "CHAT_TURN_SECONDS": "300", "ADMIN_ROLES": "admin", "THREAD_TITLES": "false"}
        more |= {"MODEL_PRICES": "demo=1000/1000", "AUTH_MODE": "jwt"}
        self.resources = Resources(load_settings(aws.environment(**more, **tokens)))
        self._issuer = issuer

    def http(self, tenant: str, user: str, role: str = "member") -> Any:
        """Return a client of a user."""
        token = self._issuer.token(sub=user, tenant_id=tenant, role=role)
        return client(create_app(self.resources, streaming=True), authorization=f"Bearer {token}")

    async def says(self, tenant: str, user: str, *texts: str) -> None:
        """Let a user say something in one thread."""
        async with self.http(tenant, user) as http:
            thread = ChatKitClient(http)
            for text in texts:
                await thread.say(text)

    async def look(self, tenant: str, role: str = "admin", **query: str) -> Any:
        """Return an admin's look."""
        async with self.http(tenant, "boss", role) as http:
            return await http.get(PATH, params=query)


@pytest.fixture
def deployment(aws_environment: Aws, issuer: Issuer) -> Deployment:
    return Deployment(aws_environment, issuer)


async def test_the_sums_by_user_model_and_day_are_those_of_the_users(deployment: Deployment) -> None:
    await deployment.says("sums", "ann", "Hello", "And again")
    await deployment.says("sums", "=bob", "Hello")
    await deployment.says("elsewhere", "carl", "Hello")
    answer = await deployment.look("sums")
    assert answer.status_code == 200, answer.text
    entries = answer.json()["data"]
    assert {(each["user_id"], each["model"], each["turns"]) for each in entries} == {
        ("ann", "demo", 2),
        ("=bob", "demo", 1),
    }
    async with deployment.http("sums", "ann") as http:
        own = (await http.get("/chatkit/api/usage")).json()
    (of_ann,) = [each for each in entries if each["user_id"] == "ann"]
    assert (of_ann["tokens"], of_ann["day"]) == (own["tokens"], own["day"])
    assert of_ann["dollars"] == pytest.approx(own["dollars"])
    assert of_ann["dollars"] > 0
    for by, count in (("day", 1), ("user", 2), ("model", 1), ("tenant", 1)):
        sums = (await deployment.look("sums", by=by)).json()["data"]
        assert len(sums) == count, by
        assert sum(each["turns"] for each in sums) == 3
        assert sum(each["tokens"] for each in sums) == sum(each["tokens"] for each in entries)
    one = (await deployment.look("sums", user_id="ann", by="tenant")).json()["data"]
    assert [each["turns"] for each in one] == [2]
    earlier = await deployment.look("sums", first="2020-01-01", last="2020-01-31")
    assert earlier.json()["data"] == []


async def test_a_csv_has_the_same_lines_and_no_cell_is_a_formula(deployment: Deployment) -> None:
    await deployment.says("table", '=HYPERLINK("http://evil")', "Hello")
    await deployment.says("table", 'ann, the "first"\nof her name', "Hello")
    answer = await deployment.look("table", format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert {line["user_id"] for line in lines} == {'\'=HYPERLINK("http://evil")', 'ann, the "first"\nof her name'}
    assert all(line["model"] == "demo" and int(line["turns"]) == 1 for line in lines)
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line.values())


async def test_a_csv_that_is_cut_says_so(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for user in ("ann", "bob"):
        await deployment.says("cut", user, "Hello")
    whole = await deployment.look("cut", format="csv")
    assert "x-next" not in whole.headers
    assert "-part.csv" not in whole.headers["content-disposition"]
    monkeypatch.setattr("assistant.upkeep.usage_of_tenants.MAX_USERS", 1)
    first = await deployment.look("cut", format="csv")
    assert first.headers["x-next"] == cursor_of("ann", keys.tenant_partition("cut"))
    assert "-part.csv" in first.headers["content-disposition"]
    # The end of a page may be the end of the tenant, which DynamoDB says with the next page.
    last = await deployment.look("cut", format="csv", after=cursor_of("zoe", keys.tenant_partition("cut")))
    assert "x-next" not in last.headers
    assert "-part.csv" in last.headers["content-disposition"]


async def test_only_an_admin_looks_and_each_look_is_in_the_trail(deployment: Deployment) -> None:
    await deployment.says("audited", "ann", "Hello")
    assert (await deployment.look("audited", role="member")).status_code == 403
    for wrong in (
        {"last": "9999-12-31"},
        {"first": "x"},
        {"first": "2026-01-01", "last": "2025-01-01"},
        {"first": "2020-01-01"},
        {"by": "x"},
    ):
        assert (await deployment.look("audited", **wrong)).status_code in (400, 422), wrong
    await deployment.look("audited", user_id="ann", by="model")
    trail = [each async for each in audit.entries(deployment.resources, "audited")]
    (seen,) = [each for each in trail if each["action"] == "usage.read"]
    assert (seen["role"], seen["sums"]) == ("admin", "model")
    assert "about" in seen
    assert "ann" not in str(seen)


async def test_a_large_tenant_takes_several_looks(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for user in ("ann", "bob", "ö/carl"):
        await deployment.says("large", user, "Hello")
    monkeypatch.setattr(usage_of_tenants, "MAX_USERS", 1)
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        look = (await deployment.look("large", **after)).json()
        seen += [each["user_id"] for each in look["data"]]
        if look["next"] is None:
            break
        after = {"after": look["next"]}
    assert sorted(seen) == ["ann", "bob", "ö/carl"]
    for tenant, cursor in (("other", after["after"]), ("large", "x"), ("large", "ann")):
        refused = await deployment.look(tenant, after=cursor)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request"), (tenant, cursor)


async def test_documents_are_counted_where_they_are(aws_environment: Aws, issuer: Issuer) -> None:
    deployment = Deployment(aws_environment, issuer)
    deployment.resources.settings = replace(
        deployment.resources.settings, knowledge=replace(deployment.resources.settings.knowledge, store="dynamodb")
    )
    await deployment.says("papers", "ann", "Hello")
    table = deployment.resources.table
    for pk, count in ((keys.tenant_partition("papers"), 3), (Caller("papers", "ann").partition, 2)):
        for number in range(count):
            await table.put(Key(pk, f"{keys.DOCUMENT_PREFIX}{number}"), {"schema_version": 1})
    look = (await deployment.look("papers")).json()
    assert {each["user_id"]: each["documents"] for each in look["stored_documents"]} == {None: 3, "ann": 2}
