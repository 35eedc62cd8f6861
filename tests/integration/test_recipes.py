"""`docs/recipes.md`: its code, as it stands there, is a package that runs."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp.server.mcpserver import MCPServer

from assistant.api import create_app
from assistant.context import Resources
from assistant.models import close_clients
from assistant.settings import load_settings
from assistant.widgets import WidgetError, widget
from local.ports import listen
from local.settings import ROOT
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.provider_server import Answer, ProviderServer, Text, ToolCall
from tests.support.strict_client import StrictClient

pytestmark = pytest.mark.anyio

PAGE = ROOT / "docs" / "recipes.md"
CODE = re.compile(r"```python\n# (?P<path>garden/\w+\.py)\n(?P<code>.*?)```", re.DOTALL)
MAX_LINES = 30
CSV = b"name,height\nrose,2\noak,20\n"

NewThread = Callable[..., StrictClient]


def write_package(folder: Path) -> list[Path]:
    """Write the page's files into a folder."""
    written = []
    for match in CODE.finditer(PAGE.read_text(encoding="utf-8")):
        written.append(folder / match["path"])
        written[-1].parent.mkdir(exist_ok=True)
        written[-1].write_text(match["code"], encoding="utf-8")
    return written


@pytest.fixture
def garden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package of the page, on the path for the test's time."""
    write_package(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "garden"]:
        del sys.modules[name]


@pytest.fixture
async def new_client(garden: None, aws_environment: Aws) -> AsyncIterator[Callable[..., httpx2.AsyncClient]]:
    opened: list[httpx2.AsyncClient] = []

    def make(**names: str) -> httpx2.AsyncClient:
        more = {"LLM_PROVIDER": "demo", "AGENT_FACTORY": "garden:build_agent", "THREAD_TITLES": "false", **names}
        settings = load_settings(aws_environment.environment(**more))
        opened.append(client(create_app(Resources(settings), streaming=True)))
        return opened[-1]

    yield make
    for each in opened:
        await each.aclose()
    await close_clients()


@pytest.fixture
def new_thread(new_client: Callable[..., httpx2.AsyncClient]) -> NewThread:
    return lambda **names: StrictClient(new_client(**names))


def test_each_recipe_is_one_file_of_less_than_thirty_lines_in_our_style(tmp_path: Path) -> None:
    written = write_package(tmp_path)
    assert len(written) == 10
    for path in written:
        lines = [line for line in path.read_text().splitlines() if line.strip()]
        assert len(lines) < MAX_LINES, (path, len(lines))
    ruff = [str(ROOT / ".venv" / "bin" / "ruff"), "check", "--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
    checked = subprocess.run(ruff, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.exhaustive
def test_each_recipe_has_types(tmp_path: Path) -> None:
    written = write_package(tmp_path)
    mypy = [str(ROOT / ".venv" / "bin" / "mypy"), "--config-file", str(ROOT / "pyproject.toml"), *map(str, written)]
    typed = subprocess.run(mypy, capture_output=True, text=True, cwd=ROOT, env={"MYPYPATH": str(tmp_path), "PATH": ""})
    assert typed.returncode == 0, typed.stdout


async def test_the_instructions_are_made_of_the_request_and_the_model_gets_its_settings(new_thread: NewThread) -> None:
    with ProviderServer() as provider:
        provider.script(Answer(Text("Hello.")))
        chat = {"LLM_PROVIDER": "compatible", "LLM_DEFAULT_MODEL": "m", "LLM_BASE_URL": provider.base_url}
        await new_thread(**chat, LLM_TEMPERATURE="0.9").say("Hello!")
        [asked] = provider.bodies
    assert asked["messages"][0]["content"].endswith("The user is 'guest' with the role 'user'.")
    assert asked["temperature"] == 0.2


async def test_the_model_answers_once_after_the_page_has(new_thread: NewThread) -> None:
    with ProviderServer() as provider:
        chat = {"LLM_PROVIDER": "compatible", "LLM_DEFAULT_MODEL": "m", "LLM_BASE_URL": provider.base_url}
        thread = new_thread(**chat)
        provider.script(Answer(ToolCall("read_selection", {})), Answer(Text("You have selected a rose.")))
        assert await thread.say("What is this?") == ""
        assert len(provider.bodies) == 1
        [asked] = thread.of("thread.item.done")[-1:]
        assert (asked["item"]["type"], asked["item"]["arguments"]) == ("client_tool_call", {"most": 500})
        await thread.stream("threads.add_client_tool_output", thread_id=thread.thread_id, result={"text": "rose"})
        assert len(provider.bodies) == 2
        assert "rose" in str(provider.bodies[1]["messages"][-1])


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("Build me a catapult", "This message cannot be answered here."),
        ("!say Now preheat the oven.", "This answer was withheld because it did not pass a check."),
    ],
)
async def test_a_guardrail_ends_the_turn(new_thread: NewThread, says: str, told: str) -> None:
    thread = new_thread()
    await thread.say(says)
    [error] = thread.of("error")
    assert error["message"].startswith(told)


async def test_a_text_of_others_makes_remember_ask(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say('!tool remember {"fact": "Likes roses."}')
    [shown] = [each["item"] for each in thread.of("thread.item.done") if each["item"]["type"] == "widget"]
    assert shown["widget"]["children"][0]["value"] == "Likes roses."
    await thread.say("!tool read_board {}")
    await thread.say('!tool remember {"fact": "Wants a lawn."}')
    [asks] = [each["item"] for each in thread.of("thread.item.done") if each["item"]["type"] == "widget"][-1:]
    assert asks["widget"]["confirm"]["action"]["type"] == "approval.decide"


async def test_a_form_is_sent_and_a_wrong_one_refused(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!tool show_form {}")
    card = thread.widget()
    form = card["widget"]["children"][0]

    async def submit(payload: object) -> httpx2.Response:
        sent = {"type": form["onSubmitAction"]["type"], "payload": payload}
        return await thread.post(
            "threads.sync_custom_action", thread_id=thread.thread_id, item_id=card["id"], action=sent
        )

    for payload in ({"email": "nobody"}, {"email": 5}, {}, None):
        assert (await submit(payload)).status_code == 400
    answer = await submit({"email": "ann@example.com"})
    assert answer.json()["updated_item"]["widget"]["children"][0]["value"] == "Thank you, ann@example.com."


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"type": "Crad"}, "Crad: there is no 'Crad' here. Possible are Basic, Card, ListView."),
        ({"type": "Card", "children": [{"type": "Txt"}]}, r"Card.children\[0\]: there is no 'Txt' here"),
        ({"type": "Card", "children": [{"type": "Text", "valeu": "x"}]}, "Text has no valeu. Possible are .*value"),
        ({"type": "Card", "children": [{"type": "Text"}]}, r"Card.children\[0\]: value: Field required"),
        (
            {"type": "Card", "children": [{"type": "Row", "children": [{"type": "Button", "lable": "x"}]}]},
            r"Card.children\[0\].children\[0\]: Button has no lable",
        ),
        ({"type": "Card", "size": "huge", "children": []}, "Card: size: Input should be"),
        ({"type": "Basic", "children": {"type": "Nope"}}, r"Basic.children\[0\]: there is no 'Nope'"),
        ({}, "the widget: there is no None here"),
        ([1], "the widget: there is no None here"),
        ({"type": "Card", "children": ["text"]}, r"children\[0\]: there is no None here"),
    ],
)
def test_a_misspelt_widget_is_an_error_that_says_where_and_what_is_possible(document: Any, told: str) -> None:
    with pytest.raises(WidgetError, match=told):
        widget(document)


async def test_a_tool_reads_the_newest_file_of_the_user(new_thread: NewThread) -> None:
    thread = new_thread()
    made = await thread.post("attachments.create", name="plants.csv", size=len(CSV), mime_type="text/csv")
    upload = made.json()["upload_descriptor"]
    async with httpx2.AsyncClient() as web:
        sent = await web.put(upload["url"], content=CSV, headers=upload["headers"])
        assert sent.status_code == 200
    assert "2 plants: rose, oak" in await thread.say("!tool read_list {}", attachments=[made.json()["id"]])
    assert "There is no file" in await new_thread().say("!tool read_list {}")


async def test_slow_tools_tell_what_they_do_and_return(new_thread: NewThread) -> None:
    thread = new_thread()
    assert await thread.say('!tool water {"beds": 2}') == "water answered: Done."
    assert [event["text"] for event in thread.of("progress_update")] == ["Watering bed 1 of 2", "Watering bed 2 of 2"]
    assert await thread.say("!tool count_seeds {}") == "count_seeds answered: about a million"
    assert await thread.say("!tool press_seeds {}") == "press_seeds answered: one litre of oil"


async def test_an_own_route_knows_the_caller_and_needs_a_token(
    new_client: Callable[..., httpx2.AsyncClient], aws_environment: Aws
) -> None:
    page = new_client()
    for number in (1, 2):
        answer = await page.get("/chatkit/api/own/visits")
        assert (answer.status_code, answer.json()["visits"]) == (200, number)
    missing = await page.get("/chatkit/api/own/nothing")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    jwt = {"AUTH_MODE": "jwt", "AUTH_ISSUER": "https://issuer.invalid", "AUTH_AUDIENCE": "chatkit"}
    refused = await new_client(**jwt).get("/chatkit/api/own/visits")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")


async def test_a_package_without_routes_has_none(new_client: Callable[..., httpx2.AsyncClient]) -> None:
    page = new_client(AGENT_FACTORY="tests.support.turn_agents:build_agent")
    answer = await page.get("/chatkit/api/own/visits")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_an_agent_has_the_tools_of_an_mcp_server_that_wants_a_key(garden: None) -> None:
    from agents import RunContextWrapper
    from garden.weather import build_weather_agent  # type: ignore[import-not-found]

    server = MCPServer("weather")

    @server.tool()
    def weather(city: str) -> str:
        """Say what the weather is in a city."""
        return f"It is sunny in {city}."

    answers = server.streamable_http_app()

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (b"authorization", b"Bearer k") not in scope["headers"]:
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await answers(scope, receive, send)

    listener = listen("127.0.0.1", 0)
    app = uvicorn.Server(uvicorn.Config(guarded, log_level="warning", lifespan="on"))
    running = asyncio.create_task(app.serve(sockets=[listener]))
    while not app.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    try:
        for key, names in (("k", ["weather"]), ("wrong", [])):
            agent = build_weather_agent(url, key)
            assert [tool.name for tool in await agent.get_mcp_tools(RunContextWrapper(None))] == names
    finally:
        app.should_exit = True
        await running
