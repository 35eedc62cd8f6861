"""`docs/from-agent-builder.md`: its code, as it stands there, runs an export."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from assistant.agent.workflow_turn import MAX_RUNS
from assistant.api import create_app
from assistant.context import Resources
from assistant.settings import load_settings
from tests.integration.workflows.test_exports import structured, texts
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.provider_server import Answer, ProviderServer, Stall, Text, ToolCall
from tests.support.snippet import expected_of_snippet, sent_by_snippet
from tests.support.strict_client import StrictClient

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "from-agent-builder.md").read_text(encoding="utf-8")
EXPORTS = ROOT / "tests" / "exports"
# The page indents the code of a numbered step.
CODE = re.compile(
    r"^( *)```python\n +# (support/\w+\.py)\n(.*?)^\1```|^```python\n# (support/\w+\.py)\n(.*?)^```", re.M | re.S
)

Opened = Callable[..., StrictClient]


def files() -> dict[str, str]:
    """Return the page's files by path."""
    found = {}
    for indent, path, code, flat_path, flat_code in CODE.findall(PAGE):
        lines = [line.removeprefix(indent) for line in (code or flat_code).splitlines(keepends=True)]
        found[path or flat_path] = "".join(lines)
    return found


def package(folder: Path, export: str, **changed: str) -> None:
    """Write the page's package with an export in it, and with lines of the export changed."""
    target = folder / "support"
    target.mkdir()
    for path, code in files().items():
        (folder / path).write_text(code, encoding="utf-8")
    source = (EXPORTS / export / "workflow.py").read_text(encoding="utf-8")
    for old, new in changed.items():
        assert old in source
        source = source.replace(old, new)
    (target / "workflow.py").write_text(source, encoding="utf-8")


@pytest.fixture
async def opened(
    tmp_path: Path, aws_environment: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Opened]:
    """Opens a thread with the page's package, in the folder of the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    clients: list[StrictClient] = []

    def make(factory: str, of: StrictClient | None = None) -> StrictClient:
        environment = aws_environment.environment(
            AGENT_FACTORY=factory,
            LLM_PROVIDER="openai",
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=provider.base_url,
            THREAD_TITLES="false",
        )
        app = create_app(Resources(load_settings(environment)), streaming=True)
        clients.append(StrictClient(client(app), of.thread_id if of else None))
        return clients[-1]

    yield make
    for each in clients:
        await each.http.aclose()
    for name in [name for name in sys.modules if name.partition(".")[0] == "support"]:
        del sys.modules[name]


def test_the_page_has_these_files_and_they_pass_the_linter(tmp_path: Path) -> None:
    package(tmp_path, "planning")
    names = {"__init__", "with_outputs", "state", "checks", "tools"}
    assert set(files()) == {f"support/{name}.py" for name in names}
    settings = ["--no-cache", "--config", "pyproject.toml", "--config", f"src = ['{tmp_path}', 'layers/agents']"]
    paths = [str(tmp_path / path) for path in files()]
    for command in (["check", *settings], ["format", "--check", *settings]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *paths], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


async def test_an_export_runs_behind_the_three_lines(tmp_path: Path, opened: Opened, provider: ProviderServer) -> None:
    package(tmp_path, "planning")
    provider.script(structured(has_all_details=False), Answer(Text("When?")))
    assert await opened("support:build_agent").say("Plan a trip") == "When?"


async def test_the_outputs_are_shown_and_hidden_as_written(
    tmp_path: Path, opened: Opened, provider: ProviderServer
) -> None:
    package(tmp_path, "documents")
    thread = opened("support.with_outputs:build_agent")
    provider.script(structured(more=False), structured(title="A", verdict="equal"), Answer(Text("Shall I?")))
    assert await thread.say("Compare") == "**A**: equal"
    assert {body["model"] for body in provider.bodies} == {"gpt-6-luna"}


async def test_the_state_lasts_with_the_changed_line(tmp_path: Path, opened: Opened, provider: ProviderServer) -> None:
    (line,) = [line for line in files()["support/state.py"].splitlines() if line.startswith("state = ")]
    package(
        tmp_path,
        "planning",
        **{
            '    state = {\n      "topic": None\n    }': "    " + line.replace("{", '{"topic": None, '),
            "from pydantic": "from assistant.workflows import thread_state\nfrom pydantic",
            "    workflow = workflow_input": '    state["chapter"] += 1\n    workflow = workflow_input',
            "Rewrite the question as a topic.": "Rewrite",
            'state["topic"] = rewrite_result["output_text"]': 'state["topic"] = f"chapter {state[\'chapter\']}"',
        },
    )
    thread = opened("support:build_agent")
    for _ in range(2):
        provider.script(structured(has_all_details=True), Answer(Text("x")), Answer(Text("Done.")))
        await thread.say("Go on")
    assert "topic: chapter 2" in json.dumps(provider.bodies[2])
    assert "topic: chapter 3" in json.dumps(provider.bodies[5])
    assert "chapter" not in json.dumps((await thread.post("threads.get_by_id", thread_id=thread.thread_id)).json())


async def test_the_own_guardrails_judge_and_are_counted(
    tmp_path: Path, opened: Opened, provider: ProviderServer
) -> None:
    (imported,) = re.findall(r"`(from support\.checks import) …`", PAGE)
    package(
        tmp_path,
        "customer_service",
        **{
            "from guardrails.runtime import": imported,
            "client = AsyncOpenAI()\nctx = SimpleNamespace(guardrail_llm=client)\n": "ctx = None\n",
        },
    )
    thread = opened("support:build_agent")
    provider.script(structured(flagged=False), structured(flagged=True), *[structured(flagged=False)] * 4)
    await thread.say("bomb")
    assert [error["message"] for error in thread.of("error")] == ["This message cannot be answered here."]
    assert texts(provider.bodies[0]) == ["bomb"]
    usage = (await thread.http.get("/chatkit/api/usage")).json()
    assert usage["tokens"] >= 18 * len(provider.requests)


async def test_a_message_that_no_guardrail_has_judged_is_left_out_of_later_turns(
    tmp_path: Path, opened: Opened, provider: ProviderServer
) -> None:
    own = {"from guardrails.runtime import": "from support.checks import", "client = AsyncOpenAI()": "client = None"}
    package(tmp_path, "customer_service", **own)
    passed = [structured(flagged=False)] * 4
    thread = opened("support:build_agent")
    provider.script(*passed, structured(category="general"), Answer(Text("Hello.")))
    assert await thread.say("Hello") == "Hello."
    provider.script(Answer(Text("one"), Stall(30)))
    turn = asyncio.create_task(opened("support:build_agent", thread).say("a bomb"))
    await asyncio.to_thread(provider.stalled.wait)
    assert (await thread.http.post("/chatkit/api/cancel", json={"thread_id": thread.thread_id})).status_code == 200
    await turn
    provider.script(*passed, structured(category="general"), Answer(Text("Hello again.")))
    assert await thread.say("Hello once more") == "Hello again."
    assert "Hello." in json.dumps(provider.bodies[-1])
    assert "bomb" not in json.dumps(provider.bodies[-1])


async def test_a_tool_knows_the_caller(tmp_path: Path, opened: Opened, provider: ProviderServer) -> None:
    package(
        tmp_path,
        "customer_service",
        **{
            "from pydantic": "from support.tools import my_tenant\nfrom pydantic",
            "    order_status\n": "    my_tenant\n",
        },
    )
    thread = opened("support:build_agent")
    provider.script(structured(category="order_status"), Answer(ToolCall("my_tenant", {})), Answer(Text("Yours.")))
    assert await thread.say("Which one?") == "Yours."
    assert "local" in json.dumps(provider.bodies[2])


def test_the_page_names_the_limit_of_runs() -> None:
    assert f"A turn has at most {MAX_RUNS} runs of agents" in PAGE


def test_the_router_of_the_page_sends_to_the_two_urls() -> None:
    (snippet,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
    stream, api = "https://stream.example.com/", "https://api.example.com/"
    assert sent_by_snippet(snippet, STREAM_URL=stream, API_URL=api) == expected_of_snippet(stream, api)
