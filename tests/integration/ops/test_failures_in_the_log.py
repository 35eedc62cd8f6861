"""A failure of the agents' package in the log of AWS: its type and place always, its text only with `LOG_CONTENT`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.failures import MAX_GROUPED
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.own_package import PACKAGES

pytestmark = pytest.mark.anyio

TOOLS = {
    "count": ("KeyError", "tools.py", "in count"),
    "find": ("RuntimeError", "tools.py", "in find"),
    "show": ("ValidationError", "cards.py", "in card"),
    "order": ("ModuleNotFoundError: No module named 'no_such_shop'", "tools.py", "in order"),
}
ARGUMENTS = {"count": '{"title": "heron"}'}


@pytest.fixture(params=["false", "true"])
def texts(request: pytest.FixtureRequest, aws_environment: Aws) -> Iterator[str]:
    yield request.param
    Resources(load_settings(aws_environment.environment(LLM_PROVIDER="demo")))  # Texts are kept out again.


async def test_a_failure_has_its_type_and_place_and_its_text_with_log_content_alone(
    aws_environment: Aws, texts: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(PACKAGES))
    monkeypatch.setenv("SHOP_TOKEN", "canary-of-the-shop-42")
    environment = aws_environment.environment(
        LLM_PROVIDER="demo", AGENT_FACTORY="faulty:build_agent", THREAD_TITLES="false", LOG_CONTENT=texts
    )
    resources = Resources(load_settings(environment))
    async with client(create_app(resources, streaming=True)) as http:
        thread = ChatKitClient(http)
        for tool, (kind, file, function) in TOOLS.items():
            caplog.clear()
            await thread.say(f"!tool {tool} {ARGUMENTS.get(tool, '{}')}")
            (line,) = [record.message for record in caplog.records if record.name == "assistant.agent.tools"]
            title = line.splitlines()[0]
            assert title.startswith(f"The tool {tool} failed")
            assert f"tests/packages/faulty/{file}:" in title
            assert f"{function}): " in title
            assert kind in title
            # The source may say the word, because it is no text of a user.
            said = "\n".join(each for each in line.splitlines() if not each.startswith("    "))
            assert ("canary" in said) is (texts == "true" and tool != "order")
        caplog.clear()
        await thread.say("!tool pay {}")
        assert "PermissionError" in caplog.text
        for secret in ("sk-canary-0123456789", "canary-of-the-shop-42"):
            assert secret not in caplog.text
        caplog.clear()
        answer = await http.get("/chatkit/api/entities", params={"query": "heron"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "import_failed")
        assert "No module named 'no_such_search'" in caplog.text
        assert "in search_entities)" in caplog.text


FATAL = {"leave": "SystemExit", "quit_now": "SystemExit", "interrupt": "KeyboardInterrupt", "ask_page": "TypeError"}


async def test_a_tool_that_would_end_the_process_only_fails(
    aws_environment: Aws, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(PACKAGES))
    environment = aws_environment.environment(
        LLM_PROVIDER="demo", AGENT_FACTORY="faulty:build_agent", THREAD_TITLES="false"
    )
    async with client(create_app(Resources(load_settings(environment)), streaming=True)) as http:
        thread = ChatKitClient(http)
        for tool, kind in FATAL.items():
            for _ in range(2):
                caplog.clear()
                await thread.say(f"!tool {tool} {{}}")
                (line,) = [record.message for record in caplog.records if record.name == "assistant.agent.tools"]
                title = line.splitlines()[0]
                assert title.startswith(f"The tool {tool} failed (")
                assert "faulty/tools.py:" in title
                assert title.endswith(f"in {tool}): {kind}")
        caplog.clear()
        call = json.dumps({"input": "!tool interrupt_again {}"})
        await thread.say(f"!tool helper {call}")
        (line,) = [record.message for record in caplog.records if record.name == "assistant.agent.tools"]
        assert line.splitlines()[0].endswith("in interrupt_again): KeyboardInterrupt")
        assert await thread.say("Hello")
        assert not [event for event in thread.events if event["type"] == "error"]


async def test_the_log_has_the_errors_of_a_group(
    aws_environment: Aws, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(PACKAGES))
    environment = aws_environment.environment(
        LLM_PROVIDER="demo", AGENT_FACTORY="faulty:build_agent", THREAD_TITLES="false"
    )
    async with client(create_app(Resources(load_settings(environment)), streaming=True)) as http:
        await ChatKitClient(http).say("!tool together {}")
    (line,) = [record.message for record in caplog.records if record.name == "assistant.agent.tools"]
    for kind in ("ExceptionGroup", "KeyError", "OSError", "ValueError"):
        assert kind in line
    assert line.count("together with") == MAX_GROUPED - 1
