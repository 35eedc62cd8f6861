"""`make import` stores threads of another backend, whole or not at all, and once."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chatkit.types import GeneratedImage, GeneratedImageItem, Page, Thread, ThreadItem

from assistant import clock
from assistant.context import Resources
from assistant.identity import Caller
from assistant.ids import new_id
from assistant.threads import rows
from assistant.upkeep import request_erasure, thread_data, thread_ids
from scripts.export import export
from scripts.import_threads import import_all
from scripts.importing import store
from scripts.importing.source import Source
from tests.support.asgi import MakeClient
from tests.support.conversations import answered, new_thread, one_of_each_kind, said, talk
from tests.support.files import PNG
from tests.support.strict_client import StrictClient

if TYPE_CHECKING:
    from tests.integration.ops.conftest import Script
    from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

FILE = b"the heron's file"
NOTHING = {"imported": 0, "present": 0, "refused": 0, "files": 0}
BEGUN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def _client(open_client: MakeClient, issuer: Issuer, user: Caller, function: str = "stream") -> StrictClient:
    token = issuer.token(sub=user.user_id, tenant_id=user.tenant_id)
    return StrictClient(open_client(function, Authorization=f"Bearer {token}"))


def _line(items: list[ThreadItem], thread_id: str = "thr_1", **fields: Any) -> str:
    """Return a thread as another ChatKit server would write it."""
    thread = new_thread(thread_id, **{"created_at": BEGUN, **fields})
    whole = Thread(**thread.model_dump(), items=Page[ThreadItem](data=items))
    return whole.model_dump_json()


def _written(folder: Path, *lines: str) -> Path:
    path = folder / "threads.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _plain(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return items without the ids that an import renews and the URLs that are signed anew."""
    text = json.dumps(
        [
            {
                **{name: value for name, value in item.items() if name != "image"},
                "attachments": [each["name"] for each in item.get("attachments", [])],
            }
            for item in items
        ]
    )
    plain: list[dict[str, Any]] = json.loads(text)
    return plain


async def test_an_export_is_imported_into_another_tenant_and_the_thread_goes_on(
    open_client: MakeClient, issuer: Issuer, resources: Resources, tmp_path: Path
) -> None:
    ann, bob = Caller("acme", "ann-source"), Caller("globex", "bob-target")
    before = _client(open_client, issuer, ann)
    token = issuer.token(sub=ann.user_id, tenant_id=ann.tenant_id)
    file = {"file": ("heron.txt", FILE, "text/plain")}
    upload = open_client("upload", Authorization=f"Bearer {token}")
    attached = (await upload.post("/chatkit/api/upload", files=file)).json()["id"]
    await before.say("The heron is called Otto", attachments=[attached])
    await before.say("add task feed the heron")
    await before.say("!image")
    await export(resources, ann, tmp_path)
    assert await import_all(resources, bob, Source.at(tmp_path, None)) == {**NOTHING, "imported": 1, "files": 1}
    assert await import_all(resources, bob, Source.at(tmp_path, None)) == {**NOTHING, "present": 1}

    after = _client(open_client, issuer, bob)
    after.thread_id = before.thread_id
    [listed] = (await after.post("threads.list", limit=10)).json()["data"]
    [theirs] = (await before.post("threads.list", limit=10)).json()["data"]
    assert listed == theirs
    items = await after.items()
    assert _plain(items) == _plain(await before.items())
    [message] = [item for item in items if item.get("attachments")]
    assert message["attachments"][0]["id"] != attached
    [picture] = [item for item in items if item["type"] == "generated_image"]
    assert bob.user_id in picture["image"]["url"]
    # The whole history, and the file under its new id, are what the model reads.
    assert "feed the heron" in await after.say("add task feed the heron")
    assert (await after.items())[: len(items)][-1]["id"] == items[-1]["id"]


async def test_a_thread_of_a_thousand_items_reads_in_its_order(
    open_client: MakeClient, issuer: Issuer, resources: Resources, tmp_path: Path
) -> None:
    user = Caller("acme", "ann-long")
    items = talk("theirs", [f"word {number}" for number in range(1000)])
    for number, item in enumerate(items):
        # The ids are another system's, and pairs of items have the same time.
        item.id, item.created_at = f"their-{number}", BEGUN + timedelta(seconds=number // 2)
    done = await import_all(resources, user, Source(_written(tmp_path, _line(items, "theirs", title="Long")), None))
    assert done["imported"] == 1
    client = _client(open_client, issuer, user)
    [listed] = (await client.post("threads.list", limit=10)).json()["data"]
    assert (listed["title"], listed["created_at"]) == ("Long", "2026-03-01T09:30:00Z")
    client.thread_id = "theirs"
    read: list[str] = []
    after = None
    while after is not None or not read:
        page = (await client.post("items.list", thread_id="theirs", limit=100, order="asc", after=after)).json()
        read += [item["id"] for item in page["data"]]
        after = page["after"] if page["has_more"] else None
    assert read == [f"their-{number}" for number in range(1000)]
    assert await client.say("add task read it all")
    newest = (await client.post("items.list", thread_id="theirs", limit=20, order="desc")).json()["data"]
    assert "their-999" in [item["id"] for item in newest]
    assert newest[0]["id"] not in read


async def test_a_bad_line_is_named_and_leaves_nothing_of_its_thread(
    open_client: MakeClient, issuer: Issuer, script: Script, resources: Resources, tmp_path: Path
) -> None:
    user = Caller("acme", "ann-bad")
    no_text = json.loads(_line([said("t", "one"), said("t", "two")], "no-text"))
    del no_text["items"]["data"][1]["content"][0]["text"]
    twice = said("t", item_id="msg_1")
    more = json.loads(_line([], "more"))
    more["items"]["has_more"] = True
    path = _written(
        tmp_path,
        _line([said("good")], "good"),
        "",
        "{",
        json.dumps(no_text),
        _line([twice, twice], "twice"),
        json.dumps(more),
        _line([said("t", created_at=clock.now() + timedelta(days=1))], "future"),
        _line([], "x" * 700),
        _line([said("good2")], "good2"),
    )
    whose = ("--tenant", "acme", "--user", user.user_id)
    done = script("import_threads", "--file", str(path), *whose, RETENTION_DAYS="30")
    assert done.returncode == 1
    assert done.stdout == "2 threads imported with 0 files, 0 were here already, 6 refused\n"
    refused = [line for line in done.stderr.splitlines() if ": refused: " in line]
    second = no_text["items"]["data"][1]["id"]
    assert [line.partition(": refused: ")[0] for line in refused] == [f"line {n}" for n in range(3, 9)]
    assert refused[0].startswith("line 3: refused: not valid JSON: ")
    field = "user_message.content.0.input_text.text: Field required"
    assert refused[1] == f"line 4: refused: thread no-text: items.1 ({second}): {field}"
    assert refused[2] == "line 5: refused: thread twice: two items have the id msg_1"
    assert refused[3] == "line 6: refused: items: has_more is true, so items are missing"
    assert refused[4].endswith("created_at is in the future")
    assert "The thread id is too long." in refused[5]
    client = _client(open_client, issuer, user)
    listed = (await client.post("threads.list", limit=10)).json()["data"]
    assert {thread["id"] for thread in listed} == {"good", "good2"}
    # The retention starts with the import.
    good = await thread_data(resources, user, "good")
    for row in (good["thread"], *good["items"]):
        assert row["expires_at"] > (clock.now() + timedelta(days=29)).timestamp()


async def test_an_item_over_the_limit_refuses_its_whole_thread(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rows, "MAX_ITEM_BYTES", 1_000_000)
    user = Caller("acme", "ann-large")
    # The first item is stored before the second one is found to be too large.
    line = _line([said("t"), answered("t", "x" * 1_000_000)], "large")
    done = await import_all(resources, user, Source(_written(tmp_path, line), None))
    assert done == {**NOTHING, "refused": 1}
    assert capsys.readouterr().err == "line 1: refused: thread large: An item may have 1 MB.\n"
    assert await thread_ids(resources, user) == []


async def test_an_interrupted_thread_is_imported_whole_by_the_next_run(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, thread_id = Caller("acme", "ann-killed"), new_id("thr")
    items = one_of_each_kind(thread_id)
    [picture] = [item for item in items if isinstance(item, GeneratedImageItem)]
    picture.image = GeneratedImage(id="i", url=f"data:image/png;base64,{b64encode(PNG).decode()}")
    source = Source(_written(tmp_path, _line(items, thread_id)), None)
    with monkeypatch.context() as patched:

        def killed(*arguments: object) -> None:
            raise RuntimeError("killed")

        patched.setattr(store, "_not_erased", killed)
        with pytest.raises(RuntimeError, match="killed"):
            await import_all(resources, user, source)
    assert await thread_ids(resources, user) == []
    assert (await import_all(resources, user, source))["imported"] == 1
    stored = (await thread_data(resources, user, thread_id))["items"]
    assert [item["id"] for item in stored] == [item.id for item in items]
    assert (await import_all(resources, user, source))["present"] == 1


async def test_another_thread_with_the_same_id_gets_a_new_one_each_time_the_same(
    open_client: MakeClient, issuer: Issuer, resources: Resources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user = Caller("acme", "ann-clash")
    lines = (_line([said("1", "first")], "1"), _line([said("1", "second")], "1", created_at=BEGUN + timedelta(days=1)))
    source = Source(_written(tmp_path, *lines), None)
    assert (await import_all(resources, user, source))["imported"] == 2
    assert "line 2: thread 1: another thread has this id, so it is now thr_" in capsys.readouterr().err
    assert (await import_all(resources, user, source))["present"] == 2
    client = _client(open_client, issuer, user)
    listed = (await client.post("threads.list", limit=10, order="asc")).json()["data"]
    texts = []
    for thread in listed:
        client.thread_id = thread["id"]
        [item] = await client.items()
        assert item["thread_id"] == thread["id"]
        texts.append(item["content"][0]["text"])
    assert texts == ["first", "second"]


async def test_large_items_are_kept_and_a_missing_file_is_told(
    open_client: MakeClient, issuer: Issuer, resources: Resources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user = Caller("acme", "ann-files")
    message = json.loads(_line([said("t")], "files"))
    named = {"type": "file", "mime_type": "text/plain"}
    attachments = [{**named, "id": "a", "name": "a.txt"}, {**named, "id": "b/c", "name": "b.txt"}]
    message["items"]["data"][0]["attachments"] = [*attachments, {**named, "id": "d", "name": "d.exe"}]
    large = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(400_000))
    message["items"]["data"].append(json.loads(answered("t", large).model_dump_json()))
    files = tmp_path / "attached"
    files.mkdir()
    (files / "b%2Fc").write_bytes(FILE)
    (files / "d").write_bytes(b"MZ\x00")
    done = await import_all(resources, user, Source(_written(tmp_path, json.dumps(message)), files))
    assert (done["imported"], done["files"]) == (1, 1)
    told = capsys.readouterr().err
    assert "the attachment a (a.txt) has no file here, skipped" in told
    assert "the attachment d (d.exe) is skipped: " in told
    client = _client(open_client, issuer, user)
    client.thread_id = "files"
    first, second = await client.items()
    assert [each["name"] for each in first["attachments"]] == ["b.txt"]
    assert second["content"][0]["text"] == large


async def test_nothing_is_imported_for_a_user_who_is_being_erased(
    resources: Resources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user = Caller("acme", "ann-gone")
    await request_erasure(resources, user)
    done = await import_all(resources, user, Source(_written(tmp_path, _line([said("t")], "gone")), None))
    assert done["refused"] == 1
    assert "is being erased" in capsys.readouterr().err


async def test_threads_of_openai_as_its_api_lists_them(
    open_client: MakeClient, issuer: Issuer, resources: Resources, tmp_path: Path
) -> None:
    user = Caller("acme", "ann-hosted")
    begun = int(BEGUN.timestamp())

    def item(number: int, kind: str, **fields: Any) -> dict[str, Any]:
        common = {"id": f"cthi_{number}", "object": "chatkit.thread_item", "thread_id": "cthr_1"}
        return {**common, "created_at": begun + number, "type": f"chatkit.{kind}", **fields}

    text = {
        "type": "output_text",
        "text": "Hi",
        "annotations": [{"type": "url", "source": {"type": "url", "url": "https://a.example"}}],
    }
    content = [{"type": "quoted_text", "text": "Q"}, {"type": "input_text", "text": "Hello"}]
    items = [
        item(1, "user_message", content=content, attachments=[], inference_options=None),
        item(2, "assistant_message", content=[text]),
        item(3, "widget", widget='{"type": "Card", "children": [{"type": "Text", "value": "hi"}]}'),
        item(4, "client_tool_call", arguments='{"a": 1}', call_id="c", name="t", output='"done"', status="completed"),
        item(5, "task", heading="Search", summary="found", task_type="custom"),
        item(6, "task_group", tasks=[{"heading": "Think", "summary": "hm", "type": "thought"}]),
    ]
    thread = {
        "id": "cthr_1",
        "object": "chatkit.thread",
        "created_at": begun,
        "status": {"type": "active"},
        "title": "T",
        "user": "u",
    }
    # As the API lists them without `order`: the newest first.
    page = {"data": items[::-1], "has_more": False, "object": "list"}
    bad = {
        "thread": {**thread, "id": "cthr_2"},
        "items": [item(1, "client_tool_call", arguments="{", call_id="c", name="t", status="completed")],
    }
    path = _written(tmp_path, json.dumps({"thread": thread, "items": page}), json.dumps(bad))
    done = await import_all(resources, user, Source(path, None))
    assert (done["imported"], done["refused"]) == (1, 1)
    client = _client(open_client, issuer, user)
    client.thread_id = "cthr_1"
    read = await client.items()
    assert [each["id"] for each in read] == [f"cthi_{number}" for number in range(1, 7)]
    assert read[0]["quoted_text"] == "Q"
    assert read[1]["content"][0]["annotations"][0]["source"]["url"] == "https://a.example"
    assert (read[3]["arguments"], read[3]["output"]) == ({"a": 1}, "done")
    assert (read[5]["workflow"]["type"], read[5]["workflow"]["tasks"][0]["content"]) == ("reasoning", "hm")
    assert await client.say("add task go on")
