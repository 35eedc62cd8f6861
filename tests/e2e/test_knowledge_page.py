"""The page's dialogs of documents, and the way from an answer's source to the document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from playwright.sync_api import expect

from tests.support.browser import open_page
from tests.support.chat_page import TURN_MILLISECONDS, Chat
from tests.support.dev import DevServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Route


@pytest.fixture(scope="module")
def dev_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    made = DevServer(tmp_path_factory.mktemp("knowledge"), {"KNOWLEDGE": "dynamodb", "KNOWLEDGE_EDITORS": "editor"})
    yield made
    if made.process.poll() is None:
        made.stop()


def test_a_user_adds_a_document_on_the_page_and_opens_it_from_an_answer(
    chat: Chat, profile: BrowserContext, tmp_path: Path
) -> None:
    file = tmp_path / "owls.txt"
    file.write_text("Owls nest in the old barn of the mill.")
    page = chat.page
    chat.button("My documents").click()
    dialog = page.get_by_role("dialog", name="My documents")
    expect(dialog.get_by_text("There are no documents yet.")).to_be_visible()
    dialog.get_by_label("Add a document").set_input_files(file)
    expect(dialog.get_by_role("listitem")).to_contain_text(["owls.txt"])
    expect(dialog.get_by_role("status")).to_contain_text("can be searched")
    dialog.get_by_role("button", name="Close").click()
    chat.send('!tool search_knowledge {"question": "owls in the barn"}').finished()
    assert "§" not in chat.answer.inner_text()
    source = page.get_by_role("button", name="owls.txt").first
    # The browser downloads a text, so the new tab has no address.
    with page.expect_response("**/entities/knowledge.*") as answered, profile.expect_page() as opened:
        source.click()
    assert httpx2.get(answered.value.json()["url"]).text == file.read_text()
    opened.value.close()
    chat.button("My documents").click()
    dialog.get_by_role("button", name="Remove owls.txt").click()
    expect(dialog.get_by_role("listitem")).to_have_count(0)
    expect(dialog.get_by_text("There are no documents yet.")).to_be_visible()


def test_an_editor_adds_replaces_and_removes_the_documents_of_a_tenant_and_a_user_does_not_see_the_button(
    dev_server: DevServer, chat: Chat, profile: BrowserContext, tmp_path: Path
) -> None:
    expect(chat.button("My documents")).to_be_visible()
    expect(chat.button("Documents for everybody")).to_be_hidden()
    files = [tmp_path / "plan.txt", tmp_path / "empty.pdf", tmp_path / "new.txt"]
    for file, content in zip(files, ("The plan.", "%PDF-1.4 and nothing else", "The newer plan."), strict=True):
        file.write_text(content)
    chat.page.get_by_label("Token").fill(dev_server.token(user="edith", role="editor"))
    chat.page.get_by_label("Token").press("Enter")
    chat.button("Documents for everybody").click()
    dialog = chat.page.get_by_role("dialog", name="Documents for everybody")
    dialog.get_by_label("Add a document").set_input_files(files[:2])
    plan, broken = (dialog.get_by_role("listitem").filter(has_text=name) for name in ("plan.txt", "empty.pdf"))
    expect(plan.get_by_role("status")).to_contain_text("can be searched")
    expect(broken.get_by_role("status")).to_contain_text("could not be read: the file is damaged")
    expect(broken.get_by_role("button", name="Read again")).to_be_visible()
    with chat.page.expect_file_chooser() as chooser:
        plan.get_by_role("button", name="Replace plan.txt").click()
    chooser.value.set_files(files[2])
    # The row has the name of the new version as soon as that is sent.
    row = dialog.get_by_role("listitem").filter(has_text="new.txt")
    expect(row.get_by_role("status")).to_contain_text("can be searched")
    broken.get_by_role("button", name="Remove").click()
    expect(broken).to_have_count(0)
    # A group has documents of its own.
    dialog.get_by_label("Group").fill("finance")
    dialog.get_by_label("Group").press("Tab")
    expect(dialog.get_by_text("There are no documents yet.")).to_be_visible()
    # A user who guesses the route is refused, whatever the page shows.
    address = f"{dev_server.chat_url}/knowledge/documents?scope=tenant"
    with httpx2.Client() as http:
        tokens = {role: dev_server.token(user="edith", role=role) for role in ("user", "editor")}
        statuses = {
            role: http.get(address, headers={"Authorization": f"Bearer {token}"}).status_code
            for role, token in tokens.items()
        }
    assert statuses == {"user": 403, "editor": 200}


def test_a_file_that_cannot_be_sent_leaves_no_document(chat: Chat, tmp_path: Path) -> None:
    file = tmp_path / "lost.txt"
    file.write_text("Lost on its way.")
    chat.page.route("**/*", lambda route: route.abort() if route.request.method == "PUT" else route.fallback())
    chat.button("My documents").click()
    dialog = chat.page.get_by_role("dialog", name="My documents")
    dialog.get_by_label("Add a document").set_input_files(file)
    expect(dialog.get_by_role("alert")).to_have_text("The file could not be sent. Please try again.")
    expect(dialog.get_by_role("listitem")).to_have_count(0)
    dialog.get_by_role("button", name="Close").click()
    chat.button("My documents").click()
    expect(dialog.get_by_text("There are no documents yet.")).to_be_visible()


def test_a_late_answer_about_an_earlier_caller_changes_nothing(dev_server: DevServer, profile: BrowserContext) -> None:
    held: list[Route] = []

    def hold_guests(route: Route) -> None:
        if "authorization" in route.request.headers:
            route.continue_()
        else:
            held.append(route)

    expect.set_options(timeout=TURN_MILLISECONDS)
    with open_page(profile) as page:
        page.route("**/chatkit/api/choices", hold_guests)
        # The page asks for the guest's parts, and the answer is late.
        with page.expect_request("**/chatkit/api/choices"):
            chat = Chat(page, dev_server.page_url.rstrip("/")).open()
        chat.page.get_by_label("Token").fill(dev_server.token(user="edith", role="editor"))
        chat.page.get_by_label("Token").press("Enter")
        expect(chat.button("Documents for everybody")).to_be_visible()
        [late] = held
        with page.expect_response("**/chatkit/api/choices") as answered:
            late.continue_()
        answered.value.finished()
        # The page has read the answer when a later task of it runs.
        page.evaluate("new Promise((resolve) => setTimeout(resolve, 500))")
        expect(chat.button("Documents for everybody")).to_be_visible()
