"""What is asked of files: both ways in, the way back, and that they go."""

from __future__ import annotations

from http import HTTPStatus

from scripts.deployment import ENDPOINT
from scripts.smoke_checks.run import FILE, Run, expect


async def direct_upload(run: Run) -> str:
    """A file goes through the function `upload`, and can be read back."""
    answer = await run.stack.http.post(
        f"{run.stack.upload_url}{ENDPOINT}/upload",
        files={"file": ("smoke.txt", FILE, "text/plain")},
        headers=run.stack.credentials,
    )
    expect(answer.is_success, f"HTTP {answer.status_code}: {answer.text[:200]}")
    try:
        read = await run.stack.http.get(answer.json()["url"])
        expect(read.content == FILE, f"reading it back: HTTP {read.status_code}")
    finally:
        await run.stack.operate("attachments.delete", attachment_id=answer.json()["id"])
    gone = await run.stack.http.get(answer.json()["url"])
    expect(gone.status_code == HTTPStatus.NOT_FOUND, f"it is still there: HTTP {gone.status_code}")
    return "written, read, deleted"


async def two_phase_upload(run: Run) -> str:
    """A file goes straight to the bucket, once."""
    made = await run.stack.operate("attachments.create", name="smoke.txt", mime_type="text/plain", size=len(FILE))
    target = made["upload_descriptor"]
    try:
        put = await run.stack.http.request(target["method"], target["url"], content=FILE, headers=target["headers"])
        expect(put.is_success, f"HTTP {put.status_code}: {put.text[:200]}")
        again = await run.stack.http.request(target["method"], target["url"], content=FILE, headers=target["headers"])
        expect(again.status_code == HTTPStatus.PRECONDITION_FAILED, f"a second PUT: HTTP {again.status_code}")
    finally:
        await run.stack.operate("attachments.delete", attachment_id=made["id"])
    return "taken once, then 412"
