"""Documents of a group within the tenant: who finds them, and how those who manage them see them."""

from __future__ import annotations

import pytest

from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.identity import Caller
from tests.integration.knowledge.conftest import MakeLibrarian
from tests.integration.knowledge.test_rights import ANN, EVE, ROOT, hits
from tests.support import desk
from tests.support.knowledge import PATH, rows_of

pytestmark = pytest.mark.anyio


async def test_a_group_is_found_by_those_whom_the_hook_names(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def search_spaces(caller: Caller) -> list[str]:
        return ["finance"] if caller.user_id == "eve" else []

    monkeypatch.setattr(desk, "search_spaces", search_spaces, raising=False)
    finance = librarian(ROOT, scope="tenant", group="finance")
    document = await finance.added(Space("acme", group="finance"), "a.txt", "Herons of finance")
    assert await hits(resources, ANN) == []
    [hit] = await hits(resources, EVE)
    assert hit.space.group == "finance"
    # A user with the group's name, and a user of another tenant, are no members.
    for caller in (Caller("acme", "finance"), Caller("acme", "@finance"), Caller("globex", "finance")):
        assert await hits(resources, caller) == []
    entity = f"knowledge.group.{document}..finance"
    assert (await librarian(EVE).http.get(f"/chatkit/api/entities/{entity}")).status_code == 200
    assert (await librarian(ANN).http.get(f"/chatkit/api/entities/{entity}")).status_code == 404
    # The document is no document of the whole tenant.
    assert (await librarian(EVE).http.get(f"/chatkit/api/entities/knowledge.tenant.{document}.")).status_code == 404
    assert (await librarian(ROOT, scope="tenant", group="finanse").removed(document)).status_code == 404
    assert (await finance.removed(document)).status_code == 200


async def test_the_tenants_list_has_the_documents_of_all_groups_and_a_mistyped_group_is_mended_there(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    boss = Caller("grouped", "root", "admin")
    whole = librarian(boss, scope="tenant")
    added: dict[str | None, str] = {}
    for group in ("finanse", "/sales/eu"):
        mine = librarian(boss, scope="tenant", group=group)
        added[group] = await mine.added(Space("grouped", group=group), "a.txt", "Herons of a group")
    added[None] = await whole.added(Space("grouped"), "a.txt", "Herons of everybody")
    listed = (await whole.http.get(PATH, params=whole.where)).json()["data"]
    assert {each["group"]: each["id"] for each in listed} == added
    one = (await whole.http.get(PATH, params={**whole.where, "group": "finanse"})).json()["data"]
    assert [each["id"] for each in one] == [added["finanse"]]
    # The id is enough to read, replace and remove it, and it stays in its group.
    document, space = added["finanse"], Space("grouped", group="finanse")
    await whole.added(space, "b.txt", "Egrets of a group", document_id=document)
    assert [(await whole.shown(document))[name] for name in ("name", "group", "state")] == ["b.txt", "finanse", "ready"]
    assert {row["pk"] for row in rows_of(resources, doc=document)} == {space.passages}
    assert (await whole.removed(document)).status_code == 200
    assert rows_of(resources, doc=document) == []
    for caller in (Caller("grouped", "ann"), ROOT):
        assert (await librarian(caller, scope="tenant").removed(added["/sales/eu"])).status_code in (403, 404)
