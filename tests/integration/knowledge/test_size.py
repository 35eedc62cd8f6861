"""A PDF of 200 pages, and 500 documents of a tenant."""

from __future__ import annotations

import pytest

from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.identity import Caller
from assistant.knowledge import search
from tests.integration.knowledge.conftest import MakeLibrarian
from tests.support.documents import PDF, pdf
from tests.support.knowledge import PATH, context_of, rows_of

pytestmark = [pytest.mark.anyio, pytest.mark.exhaustive]

ROOT, ANN = Caller("acme", "root", "admin"), Caller("acme", "ann")
PAGES, DOCUMENTS = 200, 500


@pytest.fixture(autouse=True)
def patient_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer for an answer: the local DynamoDB compares every vector in Python."""
    monkeypatch.setattr("assistant.aws.client.READ_SECONDS", 30.0)


async def test_each_page_of_a_pdf_of_200_pages_is_found_with_its_number(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    text = [f"Species {number:03} wades in the lake of {number * 7919 % 1000:03}." for number in range(PAGES)]
    document = await librarian(ROOT, scope="tenant").added(Space("acme"), "birds.pdf", pdf(*text), PDF)
    rows = rows_of(resources, doc=document)
    assert sorted(row["page"] for row in rows) == list(range(1, PAGES + 1))
    [first, *_] = await search(context_of(resources, ANN), "species 123")
    assert (first.passage.page, first.passage.text) == (124, text[123])


async def test_a_tenant_has_500_documents_and_finds_each(resources: Resources, librarian: MakeLibrarian) -> None:
    desk, tenant = librarian(Caller("owls", "root", "admin"), scope="tenant"), Space("owls")
    added = [
        await desk.added(tenant, f"{number}.txt", f"Species {number:03} wades in the lake {number * 7919 % 1000:03}.")
        for number in range(DOCUMENTS)
    ]
    listed, after, pages = [], None, 0
    while True:
        answer = (await desk.http.get(PATH, params={"scope": "tenant", **({"after": after} if after else {})})).json()
        listed += [(each["id"], each["state"]) for each in answer["data"]]
        after, pages = answer["next"], pages + 1
        if after is None:
            break
    assert listed == [(document, "ready") for document in added]
    # The last of five full pages does not know yet that nothing follows.
    assert pages == 6
    for number in range(0, DOCUMENTS, 50):
        [first, *_] = await search(
            context_of(resources, Caller("owls", "ann")), f"species {number:03} lake {number * 7919 % 1000:03}"
        )
        assert first.passage.document_id == added[number]
    for document in added[::2]:
        assert (await desk.removed(document)).status_code == 200
    assert len(rows_of(resources, pk=tenant.passages)) == DOCUMENTS // 2
