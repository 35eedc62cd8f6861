"""Each operation and route with each wrong identity, over HTTP, on each function. docs/access.md has it as a table."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import httpx2
import pytest

from assistant.api import create_app, create_upload_app
from assistant.context import Resources
from assistant.settings import load_settings
from tests.support.access import NOT_SERVED, ROUTES, Route, served_routes, shows
from tests.support.aws import Aws
from tests.support.desk.records import Tasks
from tests.support.faults import failing
from tests.support.identities import IDENTITIES, OWNER, VISITOR_KEY, Identity, Site, bearer
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, running_issuer
from tests.support.private_data import Conversation, converse
from tests.support.rows import rows_with
from tests.support.serving import serving
from tests.support.wire_schema import OPERATIONS

pytestmark = pytest.mark.anyio

ANSWER_SECONDS = 600
CELLS = [(route, function) for route in ROUTES for function in route.functions]


@dataclass
class Deployment:
    """The three functions over HTTP.

    Attributes:
        resources: Their table and bucket.
        urls: The address of each function.
    """

    resources: Resources
    urls: dict[str, str]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def deployments(table_and_bucket: Aws, issuer: Issuer) -> Iterator[dict[Site, Deployment]]:
    """A deployment for users, and one for visitors on the same table."""
    env = {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": issuer.url, "ADMIN_ROLES": "admin"}
    env |= {"LLM_PROVIDER": "demo", "CHAT_TURN_SECONDS": "300", "THREAD_TITLES": "false"}
    modes: dict[Site, dict[str, str]] = {
        "users": {"AUTH_MODE": "jwt"},
        "visitors": {"AUTH_MODE": "visitor", "VISITOR_KEY": VISITOR_KEY, "VISITORS_PER_ADDRESS": "100000"},
    }
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in table_and_bucket.environment().items():
            patch.setenv(name, value)
        made: dict[Site, Deployment] = {}
        for site, mode in modes.items():
            resources = Resources(load_settings(table_and_bucket.environment(**env, **mode)))
            apps = {
                "chat": create_app(resources, streaming=False),
                "stream": create_app(resources, streaming=True),
                "upload": create_upload_app(resources),
            }
            urls = {name: stack.enter_context(serving(app)) for name, app in apps.items()}
            made[site] = Deployment(resources, urls)
        yield made


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS) as client:
        yield client


async def owned(deployment: Deployment, issuer: Issuer) -> tuple[Conversation, str]:
    """Return a new conversation of the owner, and the id of a new task."""
    task = await Tasks(deployment.resources.table, OWNER).add("secret")
    return await converse(deployment.resources, issuer, OWNER), f"task-{task.number}"


def test_each_route_of_the_apps_and_each_operation_is_listed(aws_environment: Aws) -> None:
    resources = Resources(load_settings(aws_environment.environment(LLM_PROVIDER="demo")))
    listed = [route for route in ROUTES if not route.is_operation]
    for streaming, function in ((False, "chat"), (True, "stream")):
        served = served_routes(create_app(resources, streaming=streaming))
        assert served == {route.name for route in listed if function in route.functions}
    assert served_routes(create_upload_app(resources)) == {each.name for each in listed if "upload" in each.functions}
    assert [route.name for route in ROUTES if route.is_operation] == OPERATIONS
    assert len({identity.name for identity in IDENTITIES}) == len(IDENTITIES) > 20


@pytest.mark.parametrize(
    ("route", "function"),
    [cell for cell in CELLS if cell[0].kind not in NOT_SERVED],
    ids=lambda each: getattr(each, "name", each),
)
async def test_the_owner_is_served(
    deployments: dict[Site, Deployment], issuer: Issuer, http: httpx2.AsyncClient, route: Route, function: str
) -> None:
    """Otherwise a refusal of the same request would prove nothing."""
    deployment = deployments["visitors" if route.kind in ("visitors", "sign-in") else "users"]
    method, path, arguments = route.request(*await owned(deployment, issuer))
    answer = await http.request(method, deployment.urls[function] + path, headers=bearer(issuer.token()), **arguments)
    assert answer.status_code == 200, answer.text
    assert '"type":"error"' not in answer.text


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name)
async def test_an_identity_gets_the_answers_of_the_table_and_changes_nothing_of_the_owner(
    deployments: dict[Site, Deployment], issuer: Issuer, http: httpx2.AsyncClient, identity: Identity
) -> None:
    deployment = deployments[identity.site]
    theirs, task = await owned(deployment, issuer)
    table = deployment.resources.table.client
    before = rows_with(deployment.resources, theirs.thread_id, theirs.attachment_id, theirs.fact_id)
    wrong = []
    for route, function in CELLS:
        method, path, arguments = route.request(theirs, task)
        with failing(table, None) as calls:
            url = deployment.urls[function] + path
            answer = await http.request(method, url, headers=identity.headers(issuer), **arguments)
        wanted = route.answer(identity)
        if answer.status_code != wanted or shows(answer, theirs):
            wrong.append((function, route.name, answer.status_code, wanted, shows(answer, theirs)))
        if wanted == 401:
            assert answer.headers["www-authenticate"] == "Bearer"
            assert json.loads(answer.text)["error"]["code"] == "unauthorized"
            # A refused request costs a verification and no call of the table.
            assert calls.seen == [], route.name
    assert wrong == []
    assert rows_with(deployment.resources, theirs.thread_id, theirs.attachment_id, theirs.fact_id) == before


def test_a_wrong_answer_would_be_seen() -> None:
    """The table has each kind of answer, so that a route of the wrong kind fails."""
    answers = {route.answer(identity) for route in ROUTES for identity in IDENTITIES}
    assert answers == {200, 400, 401, 403, 404}
    theirs = next(route for route in ROUTES if route.kind == "theirs")
    stranger = next(identity for identity in IDENTITIES if identity.standing == "other")
    assert (theirs.answer(stranger), replace(theirs, kind="own").answer(stranger)) == (404, 200)
