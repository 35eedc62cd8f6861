"""What is asked of a user's own things: the facts of the memory, the search, forks and shares."""

from __future__ import annotations

from http import HTTPStatus

from scripts.deployment import ENDPOINT
from scripts.smoke_checks.run import Run, Skipped, expect


async def facts(run: Run) -> str:
    """The caller sees what the assistant keeps about them."""
    answer = await run.stack.http.get(f"{run.stack.url}{ENDPOINT}/memory", headers=run.stack.credentials)
    expect(answer.is_success, f"HTTP {answer.status_code}: {answer.text[:200]}")
    found = answer.json()
    return f"{len(found['facts'])} of {found['most']} facts"


async def search(run: Run) -> str:
    """A thread is found by a word of its first message, if the search is on."""
    thread = run.thread()
    answer = await run.stack.http.get(
        f"{run.stack.url}{ENDPOINT}/search", params={"q": "favourite 7316"}, headers=run.stack.credentials
    )
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return "HISTORY_SEARCH is off"
    expect(answer.is_success, f"HTTP {answer.status_code}: {answer.text[:200]}")
    hits = [hit["thread_id"] for hit in answer.json()["data"]]
    expect(thread in hits, f"it is not among {len(hits)} hits")
    return "found"


async def fork(run: Run) -> str:
    """A thread is copied up to its first message, and the copy has this message alone."""
    thread = run.thread()
    page = await run.stack.operate("items.list", thread_id=thread, limit=1, order="asc")
    first = page["data"][0]
    answer = await run.stack.http.post(
        f"{run.stack.url}{ENDPOINT}/fork",
        json={"thread_id": thread, "item_id": first["id"]},
        headers=run.stack.credentials,
    )
    expect(answer.is_success, f"HTTP {answer.status_code}: {answer.text[:200]}")
    copied = answer.json()["thread_id"]
    run.threads.add(copied)
    items = (await run.stack.operate("items.list", thread_id=copied, limit=100, order="asc"))["data"]
    expect([item["content"] for item in items] == [first["content"]], f"the copy has {len(items)} items")
    return "one message"


async def share(run: Run) -> str:
    """A thread has a link, which its user reads, and which ends when it is revoked."""
    path, headers = f"{run.stack.url}{ENDPOINT}", run.stack.credentials
    made = await run.stack.http.post(f"{path}/shares", json={"thread_id": run.thread(), "days": 1}, headers=headers)
    if made.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        raise Skipped("there are no links, or the caller is a visitor")
    expect(made.is_success, f"HTTP {made.status_code}: {made.text[:200]}")
    shared = f"{path}/shared/{made.json()['token']}"
    read = await run.stack.http.get(shared, headers=headers)
    revoked = await run.stack.http.delete(f"{path}/shares/{made.json()['id']}", headers=headers)
    expect(read.is_success and revoked.is_success, f"HTTP {read.status_code}, {revoked.status_code}")
    gone = await run.stack.http.get(shared, headers=headers)
    expect(gone.status_code == HTTPStatus.NOT_FOUND, f"the revoked link answers {gone.status_code}")
    return f"{len(read.json()['items'])} items, revoked"
