"""With a malware scan, only a file that the scan found clean can be sent, opened and read by the model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from assistant.api import create_app, create_upload_app
from assistant.context import RequestContext, Resources
from assistant.files import FileRoom, files_to_content, load_attachment, scan
from assistant.files.urls import object_key
from assistant.identity import Caller
from assistant.settings import load_settings
from tests.support import desk
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.files import TEXT
from tests.support.issuer import AUDIENCE, ISSUER, Issuer

pytestmark = pytest.mark.anyio

API = "/chatkit/api"


@dataclass
class Site:
    """A deployment with the scan, and one user's clients of it."""

    aws: Aws
    resources: Resources
    caller: Caller
    chat: httpx2.AsyncClient
    upload: httpx2.AsyncClient

    async def uploaded(self, name: str = "a.txt", body: bytes = TEXT) -> str:
        """Upload a file and return its id."""
        answer = await self.upload.post(f"{API}/upload", files={"file": (name, body, "text/plain")})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def tag(self, file_id: str, status: str) -> None:
        """Do what GuardDuty does after its scan."""
        self.aws.client("s3").put_object_tagging(
            Bucket=self.aws.bucket_name,
            Key=object_key(self.caller, file_id),
            Tagging={"TagSet": [{"Key": "GuardDutyMalwareScanStatus", "Value": status}]},
        )

    async def send(self, file_id: str, **headers: str) -> httpx2.Response:
        """Send a message with a file."""
        content = [{"type": "input_text", "text": "what is in it?"}]
        message = {"content": content, "attachments": [file_id], "inference_options": {}}
        body = {"type": "threads.create", "params": {"input": message}}
        return await self.chat.post(API, json=body, headers=headers)

    async def threads(self) -> list[dict[str, Any]]:
        """Return the user's threads."""
        answer = await self.chat.post(API, json={"type": "threads.list", "params": {}})
        found: list[dict[str, Any]] = answer.json()["data"]
        return found


@pytest.fixture
async def site(
    aws_environment: Aws, issuer: Issuer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    monkeypatch.setattr(scan, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(scan, "WAIT_SECONDS", 0.2)
    user = f"ann-{request.node.name}"
    env = {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": issuer.url, "MALWARE_SCAN": "true"}
    settings = load_settings(aws_environment.environment(LLM_PROVIDER="demo", CHAT_TURN_SECONDS="300", **env))
    resources = Resources(settings)
    token = {"authorization": f"Bearer {issuer.token(sub=user, tenant_id='acme')}"}
    async with (
        client(create_app(resources, streaming=False), **token) as chat,
        client(create_upload_app(resources), **token) as upload,
    ):
        yield Site(aws_environment, resources, Caller("acme", user), chat, upload)


async def test_a_clean_file_is_sent_and_opened(site: Site) -> None:
    file_id = await site.uploaded()
    site.tag(file_id, "NO_THREATS_FOUND")
    assert (await site.send(file_id)).status_code == 200
    assert len(await site.threads()) == 1
    assert (await site.chat.get(f"{API}/attachments/{file_id}")).status_code == 200


async def test_a_file_that_is_still_being_scanned_is_not_sent_yet(site: Site) -> None:
    file_id = await site.uploaded("plan.txt")
    answer = await site.send(file_id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "file_unchecked")
    assert "plan.txt" in answer.json()["error"]["message"]
    assert int(answer.headers["retry-after"]) > 0
    german = await site.send(file_id, **{"accept-language": "de"})
    assert german.json()["error"]["message"].startswith("Die Datei „plan.txt“ wird noch geprüft.")
    assert (await site.chat.get(f"{API}/attachments/{file_id}")).status_code == 409
    assert await site.threads() == []
    site.tag(file_id, "NO_THREATS_FOUND")
    assert (await site.send(file_id)).status_code == 200


async def test_a_message_waits_for_a_scan_that_ends_soon(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = await site.uploaded()
    looked = 0
    read_tag = site.resources.objects.tag

    async def tag(key: str, name: str) -> str | None:
        nonlocal looked
        looked += 1
        if looked == 2:
            site.tag(file_id, "NO_THREATS_FOUND")
        return await read_tag(key, name)

    monkeypatch.setattr(site.resources.objects, "tag", tag)
    monkeypatch.setattr(scan, "WAIT_SECONDS", 60.0)
    assert (await site.send(file_id)).status_code == 200


@pytest.mark.parametrize("status", ["THREATS_FOUND", "UNSUPPORTED", "ACCESS_DENIED", "FAILED", "SOMETHING_NEW"])
async def test_a_file_with_a_threat_or_without_a_scan_is_refused(
    site: Site, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    file_id = await site.uploaded("plan.txt")
    site.tag(file_id, status)
    answer = await site.send(file_id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "file_refused")
    assert (await site.chat.get(f"{API}/attachments/{file_id}")).status_code == 415
    assert await site.threads() == []
    told = "Check the role of the malware protection plan" in caplog.text
    assert told == (status in {"ACCESS_DENIED", "FAILED"})
    assert "plan.txt" not in caplog.text


async def test_the_model_does_not_read_a_file_that_a_later_scan_refuses(site: Site) -> None:
    file_id = await site.uploaded("plan.txt", b"the heron flies at noon")
    found = await load_attachment(site.resources.table, site.caller, file_id)
    for status, reads in (("NO_THREATS_FOUND", True), ("THREATS_FOUND", False)):
        site.tag(file_id, status)
        parts = await files_to_content([found], RequestContext(site.caller, site.resources), FileRoom())
        assert ("heron" in str(parts)) == reads


async def test_a_file_that_was_never_uploaded_is_missing_and_not_unscanned(site: Site) -> None:
    params = {"name": "a.txt", "size": 10, "mime_type": "text/plain"}
    made = await site.chat.post(API, json={"type": "attachments.create", "params": params})
    answer = await site.send(made.json()["id"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "upload_missing")


async def test_the_package_may_ask_a_scanner_of_its_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scan_result(resources: Resources, owner: Caller, attachment: Any) -> str:
        assert owner.user_id == site.caller.user_id
        return "refused" if attachment.name == "bad.txt" else "clean"

    monkeypatch.setattr(desk, "scan_result", scan_result, raising=False)
    assert (await site.send(await site.uploaded("bad.txt"))).status_code == 415
    assert (await site.send(await site.uploaded("good.txt"))).status_code == 200
