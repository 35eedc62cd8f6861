"""The direct upload: a request with one file, which is checked before it is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from chatkit.types import Attachment
from pydantic import TypeAdapter

from assistant.api import create_upload_app
from assistant.api.upload import MAX_FRAME_BYTES
from assistant.context import Resources
from assistant.files.limits import MAX_UPLOAD_BYTES
from tests.support.asgi import Call, MakeClient
from tests.support.files import PDF, PNG, TEXT

pytestmark = pytest.mark.anyio

UPLOAD = "/chatkit/api/upload"


@pytest.fixture
async def web() -> AsyncIterator[httpx2.AsyncClient]:
    """A browser's view of the bucket: no credentials but those in the URL."""
    async with httpx2.AsyncClient() as client:
        yield client


def stored_files(resources: Resources) -> int:
    return resources.objects.client.list_objects_v2(Bucket=resources.objects.bucket)["KeyCount"]


async def test_an_image_is_stored_and_shown(upload: httpx2.AsyncClient, web: httpx2.AsyncClient) -> None:
    answer = await upload.post(UPLOAD, files={"file": ("pixel.png", PNG, "image/png")})
    assert answer.status_code == 200
    body = answer.json()
    made: Attachment = TypeAdapter(Attachment).validate_python(body)
    assert (made.type, made.name, made.mime_type) == ("image", "pixel.png", "image/png")
    assert set(body) == {"id", "name", "mime_type", "type", "preview_url", "url"}
    for url in (body["url"], body["preview_url"]):
        read = await web.get(url)
        assert (read.content, read.headers["content-type"]) == (PNG, "image/png")


async def test_a_file_is_stored_and_downloaded(upload: httpx2.AsyncClient, web: httpx2.AsyncClient) -> None:
    body = (await upload.post(UPLOAD, files={"file": ("Preise März.csv", TEXT, "text/csv")})).json()
    assert set(body) == {"id", "name", "mime_type", "type", "url"}
    assert (body["type"], body["name"]) == ("file", "Preise März.csv")
    read = await web.get(body["url"])
    assert read.content == TEXT
    assert read.headers["content-disposition"].startswith("attachment;")


async def test_a_sent_file_opens_again_by_a_new_url(
    upload: httpx2.AsyncClient, chat: httpx2.AsyncClient, web: httpx2.AsyncClient
) -> None:
    sent = (await upload.post(UPLOAD, files={"file": ("prices.csv", TEXT, "text/csv")})).json()
    answer = await chat.get(f"/chatkit/api/attachments/{sent['id']}")
    assert set(answer.json()) == {"url"}
    read = await web.get(answer.json()["url"])
    assert (read.content, read.headers["content-disposition"].startswith("attachment;")) == (TEXT, True)
    assert (await chat.get("/chatkit/api/attachments/atc_unknown")).status_code == 404


async def test_a_file_of_the_largest_size_is_stored_whole(upload: httpx2.AsyncClient, web: httpx2.AsyncClient) -> None:
    largest = PDF.ljust(MAX_UPLOAD_BYTES, b"\n")
    body = (await upload.post(UPLOAD, files={"file": ("a.pdf", largest, "application/pdf")})).json()
    assert (await web.get(body["url"])).content == largest


async def test_a_name_with_a_path_is_made_harmless(upload: httpx2.AsyncClient) -> None:
    body = (await upload.post(UPLOAD, files={"file": ("../../etc/passwd.txt", TEXT, "text/plain")})).json()
    assert body["name"] == "passwd.txt"


@pytest.mark.parametrize("name", ["page.html", "a.txt.exe", "a\u202etxt.svg", "a.js. "])
async def test_a_file_is_downloaded_under_a_name_that_no_system_runs(
    upload: httpx2.AsyncClient, web: httpx2.AsyncClient, name: str
) -> None:
    body = (await upload.post(UPLOAD, files={"file": (name, b"<script>alert(1)</script>", "text/plain")})).json()
    assert body["name"].endswith(".txt")
    read = await web.get(body["url"])
    assert read.headers["content-type"] == "text/plain"
    assert read.headers["content-disposition"].startswith("attachment;")
    assert read.headers["content-disposition"].endswith(".txt")


@pytest.mark.parametrize(
    ("name", "content", "declared", "status"),
    [
        ("page.html", b"<script>", "text/html", 415),
        ("logo.svg", b"<svg/>", "image/svg+xml", 415),
        ("a.png", b"<script>", "image/png", 415),
        ("a.png", PDF, "image/png", 415),
        ("a.txt", b"\x7fELF\x00\x00", "text/plain", 415),
        ("a.bin", b"\x00\x01", "application/octet-stream", 415),
        ("a.pdf", PDF.ljust(MAX_UPLOAD_BYTES + 1), "application/pdf", 413),
        ("a.txt", b"", "text/plain", 400),
    ],
    ids=[
        "HTML",
        "SVG",
        "a script as an image",
        "a PDF as an image",
        "a program as a text",
        "anything",
        "large",
        "empty",
    ],
)
async def test_a_file_that_is_not_allowed_is_refused_and_not_stored(
    upload: httpx2.AsyncClient, resources: Resources, name: str, content: bytes, declared: str, status: int
) -> None:
    before = stored_files(resources)
    answer = await upload.post(UPLOAD, files={"file": (name, content, declared)})
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message"}
    assert stored_files(resources) == before


async def test_a_body_that_never_ends_is_cut_off_at_the_limit(open_client: MakeClient, token: str) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        while True:
            taken += 65536
            yield b"x" * 65536

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await open_client("upload").post(UPLOAD, content=endless(), headers=headers)
    assert answer.status_code == 413
    assert taken <= MAX_UPLOAD_BYTES + MAX_FRAME_BYTES + 2 * 65536


async def test_a_body_that_announces_too_much_is_refused_unread(resources: Resources, token: str) -> None:
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "multipart/form-data; boundary=x",
        "content-length": "6000000",
    }
    call = Call("POST", UPLOAD, request_headers=headers)
    await call.run(create_upload_app(resources))
    assert call.status == 413


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"nothing"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"nonsense"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nhi\r\n--x--\r\n',
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\ntext\r\n--x--\r\n"),
    ],
    ids=["JSON", "no boundary", "empty", "no form", "a field that is no file", "a part without a name"],
)
async def test_a_body_without_a_file_in_a_form_is_invalid(
    upload: httpx2.AsyncClient, content_type: str, content: bytes
) -> None:
    answer = await upload.post(UPLOAD, content=content, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_file_in_another_field_is_invalid(upload: httpx2.AsyncClient) -> None:
    answer = await upload.post(UPLOAD, files={"document": ("a.txt", TEXT, "text/plain")})
    assert answer.status_code == 400


async def test_one_request_carries_one_file(upload: httpx2.AsyncClient) -> None:
    both = [("file", ("a.txt", TEXT, "text/plain")), ("file", ("b.txt", TEXT, "text/plain"))]
    assert (await upload.post(UPLOAD, files=both)).status_code == 400


async def test_a_bad_token_is_refused_before_the_file_is_read(open_client: MakeClient) -> None:
    web = open_client("upload", Authorization="Bearer nonsense")
    answer = await web.post(UPLOAD, content=b"nonsense")
    assert answer.status_code == 401
