"""`docs/extending.md`: its code, as it stands there, is a package that runs."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from assistant.api import create_app
from assistant.context import Resources
from assistant.identity import Caller
from assistant.models import close_clients
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.provider_server import Answer, ProviderServer, Request, Text, ToolCall
from tests.support.strict_client import StrictClient

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "extending.md"
CODE = re.compile(r"```python\n# (?P<path>acme/\w+\.py)\n(?P<code>.*?)```", re.DOTALL)
MAX_LINES = 30

NewThread = Callable[..., StrictClient]


def files() -> dict[str, str]:
    """Return the page's files by path."""
    return {match["path"]: match["code"] for match in CODE.finditer(PAGE.read_text(encoding="utf-8"))}


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package of the page, on the path for the test's time."""
    for path, code in files().items():
        target = tmp_path / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme"]:
        del sys.modules[name]


@pytest.fixture
async def new_thread(acme: None, aws_environment: Aws) -> AsyncIterator[NewThread]:
    opened: list[httpx2.AsyncClient] = []

    def begin(**names: str) -> StrictClient:
        more = {"LLM_PROVIDER": "demo", "AGENT_FACTORY": "acme:build_agent", "THREAD_TITLES": "false", **names}
        settings = load_settings(aws_environment.environment(**more))
        opened.append(client(create_app(Resources(settings), streaming=True)))
        return StrictClient(opened[-1])

    yield begin
    for each in opened:
        await each.aclose()
    await close_clients()


def test_each_step_is_one_file_of_less_than_thirty_lines() -> None:
    found = files()
    names = {"__init__", "tools", "widgets", "agents", "bedrock", "usage"}
    assert set(found) == {f"acme/{name}.py" for name in names}
    for path, code in found.items():
        lines = [line for line in code.splitlines() if line.strip()]
        assert len(lines) < MAX_LINES, (path, len(lines))


async def test_the_agent_hands_over_and_the_tool_shows_its_widget_whose_button_works(new_thread: NewThread) -> None:
    thread = new_thread()
    [printed] = re.findall(r"`(!tool check_stock .+?)`", PAGE.read_text(encoding="utf-8"))
    assert await thread.say(printed) == "check_stock answered: 10 left"
    assert thread.of("progress_update")[0]["text"] == "Counting lamp"
    card = thread.widget()
    button = card["widget"]["children"][1]
    answer = await thread.post(
        "threads.sync_custom_action",
        thread_id=thread.thread_id,
        item_id=card["id"],
        action={"type": button["onClickAction"]["type"], "payload": button["onClickAction"]["payload"]},
    )
    assert answer.json()["updated_item"]["widget"]["children"][0]["value"] == "lamp: 9 left"
    assert await thread.say('!tool check_stock {"item": "lamp"}') == "check_stock answered: 9 left"
    refused = await thread.post(
        "threads.sync_custom_action", thread_id=thread.thread_id, item_id=card["id"], action={"type": "stock.sell"}
    )
    assert refused.status_code == 400


async def test_the_hook_counts_the_turns_of_the_month(new_thread: NewThread, aws_environment: Aws) -> None:
    from acme.usage import month_key  # type: ignore[import-not-found]  # the page's package

    key = month_key(Caller("local", "guest"))
    table = Resources(load_settings(aws_environment.environment())).table
    before = await table.get(key) or {"turns": 0, "failed": 0, "tokens": 0}
    thread = new_thread()
    await thread.say("Good day.")
    await thread.say("Good night.")
    row = await table.get(key)
    assert row is not None
    assert (row["turns"] - before["turns"], row["failed"] - before["failed"]) == (2, 0)
    assert row["tokens"] > before["tokens"]


async def test_the_specialist_stays_in_charge_until_it_hands_back(new_thread: NewThread) -> None:
    chat = {"LLM_PROVIDER": "compatible", "LLM_DEFAULT_MODEL": "m"}
    with ProviderServer() as provider:
        thread = new_thread(LLM_BASE_URL=provider.base_url, **chat)
        provider.script(Answer(ToolCall("transfer_to_warehouse", {})), Answer(Text("Which item?")))
        await thread.say("Is it in stock?")
        provider.script(Answer(Text("Ten.")))
        await new_thread_of(thread, new_thread(LLM_BASE_URL=provider.base_url, **chat)).say("The lamp.")
        assert "the stock. Do not repeat" in provider.bodies[-1]["messages"][0]["content"]
        provider.script(Answer(ToolCall("transfer_to_front_desk", {})), Answer(Text("Good day.")), Answer(Text("Yes?")))
        await thread.say("Hello!")
        await thread.say("Hello again!")
        assert "You answer greetings" in provider.bodies[-1]["messages"][0]["content"]


def new_thread_of(thread: StrictClient, other: StrictClient) -> StrictClient:
    """Return another process's client of the same thread."""
    other.thread_id = thread.thread_id
    return other


async def test_the_demo_model_suggests_nothing_of_the_samples(new_thread: NewThread) -> None:
    answer = await new_thread().say("Hello there")
    assert "I can call transfer_to_warehouse" in answer
    assert "task" not in answer


async def test_a_click_that_does_not_fit_is_refused_and_the_last_piece_is_reserved_once(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say('!tool check_stock {"item": "sofa"}')
    card = thread.widget()
    action = card["widget"]["children"][1]["onClickAction"]

    async def click(payload: object) -> httpx2.Response:
        sent = {"type": action["type"], "payload": payload}
        operation = "threads.custom_action" if action.get("streaming", True) else "threads.sync_custom_action"
        return await thread.post(operation, thread_id=thread.thread_id, item_id=card["id"], action=sent)

    unfit: list[object] = [None, "x", [], {}, {"item": 5}, {"item": ""}, {"item": "x" * 3000}, {"item": "a\x00"}]
    for payload in unfit:
        refused = await click(payload)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request"), payload
    clicks = await asyncio.gather(*(click(action["payload"]) for _ in range(12)))
    assert sorted(each.status_code for each in clicks) == [200] * 10 + [400] * 2
    assert await thread.say('!tool check_stock {"item": "Sofa"}') == "check_stock answered: 0 left"


async def test_what_a_tool_cannot_do_reaches_the_model_as_text(new_thread: NewThread) -> None:
    thread = new_thread()
    said = await thread.say('!tool check_stock {"item": ""}')
    assert "error: invalid_request, message: An item must have 1 to 100 visible characters" in said
    said = await thread.say('!tool check_stock {"name": "sofa"}')
    assert "error: invalid_arguments, message: item: Field required" in said


def test_the_files_pass_what_the_project_s_own_code_passes(acme: None, tmp_path: Path) -> None:
    settings = ["--no-cache", "--config", "pyproject.toml", "--config", f"src = ['{tmp_path}', 'layers/agents']"]
    commands = [
        ["ruff", "check", *settings],
        ["ruff", "format", "--check", *settings],
        ["mypy", "--config-file", "pyproject.toml"],
    ]
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *command, str(tmp_path / "acme")],
            cwd=ROOT,
            env={**os.environ, "MYPYPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


async def test_what_the_package_does_not_offer_is_refused_plainly(new_thread: NewThread) -> None:
    thread = new_thread()
    missing = await thread.http.get("/chatkit/api/entities", params={"query": "a"})
    assert "does not support mentions" in missing.json()["error"]["message"]


async def test_the_own_provider_signs_each_request_of_a_whole_turn(
    new_thread: NewThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with ProviderServer() as provider:
        provider.script(
            Answer(ToolCall("transfer_to_warehouse", {})),
            Answer(ToolCall("check_stock", {"item": "chair"})),
            Answer(Text("There are ten.")),
        )
        base_url = provider.base_url.replace("/v1", "/bedrock/openai/v1")
        thread = new_thread(
            LLM_PROVIDER="compatible", LLM_BASE_URL=base_url, LLM_DEFAULT_MODEL="openai.gpt-oss-120b-1:0"
        )
        assert await thread.say("How many chairs are there?") == "There are ten."
        assert [request.body["model"] for request in provider.requests] == ["openai.gpt-oss-120b-1:0"] * 3
        for request in provider.requests:
            given = request.headers["authorization"]
            assert "/eu-central-1/bedrock/aws4_request" in given
            assert given.endswith(f"Signature={signature(request, base_url)}")


def signature(request: Request, base_url: str) -> str:
    """Return what the signature of a request must be, by botocore."""
    signed = re.findall(r"SignedHeaders=([\w;-]+)", request.headers["authorization"])[0].split(";")
    parts = urlsplit(base_url)
    checked = AWSRequest(
        method="POST",
        url=f"{parts.scheme}://{parts.netloc}{request.path}",
        headers={name: request.headers[name] for name in signed if name != "host"},
        data=request.raw,
    )
    checked.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG"), "bedrock", "eu-central-1")
    text = signer.string_to_sign(checked, signer.canonical_request(checked))
    found: str = signer.signature(text, checked)
    return found
