"""What is asked of a user's own things: the facts of the memory, and the search."""

from __future__ import annotations

from http import HTTPStatus

from scripts.deployment import ENDPOINT
from scripts.smoke_checks.run import Run, expect


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
