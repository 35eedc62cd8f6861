"""What is asked of knowledge: a document goes in, is read, and goes."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from scripts.deployment import ENDPOINT
from scripts.smoke_checks.run import FILE, Run, Skipped, expect

# The function starts within seconds. If it does not, the sweep starts it within five minutes.
ATTEMPTS = 60
WAIT_SECONDS = 1.0
WHERE = {"scope": "user"}


async def own_document(run: Run) -> str:
    """A document of the caller's own is uploaded, read and removed."""
    http, headers = run.stack.http, run.stack.credentials
    path = f"{run.stack.url}{ENDPOINT}/knowledge/documents"
    fields = {**WHERE, "name": "smoke.txt", "mime_type": "text/plain", "size": len(FILE)}
    answer = await http.post(path, json=fields, headers=headers)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        raise Skipped("there is no knowledge, or users have no documents of their own")
    expect(answer.is_success, f"HTTP {answer.status_code}: {answer.text[:200]}")
    upload, document = answer.json()["upload"], f"{path}/{answer.json()['document']['id']}"
    try:
        put = await http.request(upload["method"], upload["url"], content=FILE, headers=upload["headers"])
        expect(put.is_success, f"the upload: HTTP {put.status_code}")
        done = await http.post(f"{document}/complete", json=WHERE, headers=headers)
        expect(done.status_code == HTTPStatus.ACCEPTED, f"its end: HTTP {done.status_code}: {done.text[:200]}")
        state: dict[str, Any] = {}
        for _ in range(ATTEMPTS):
            state = (await http.get(document, params=WHERE, headers=headers)).json()["document"]
            if state["state"] in ("ready", "failed"):
                break
            await asyncio.sleep(WAIT_SECONDS)
        expect(state["state"] == "ready", f"it is {state['state']}: {state['reason']}")
    finally:
        await http.delete(document, params=WHERE, headers=headers)
    gone = await http.get(document, params=WHERE, headers=headers)
    expect(gone.status_code == HTTPStatus.NOT_FOUND, f"it is still there: HTTP {gone.status_code}")
    return "uploaded, read, removed"
