"""What ends a workflow: limits, a new message, a changed export, a `while` that does not end, a refused answer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.agent.workflow_turn import MAX_RUNS
from tests.integration.workflows.conftest import OpenThread
from tests.integration.workflows.test_approvals import asked, cards
from tests.integration.workflows.test_exports import structured
from tests.support.provider_server import Answer, HttpError, ProviderServer, Stall, Text

pytestmark = pytest.mark.anyio

EXPORTS = Path(__file__).parents[2] / "exports"


@pytest.fixture
def write_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Writes an export with changes, as a package whose `AGENT_FACTORY` is `changed:build_agent`."""
    (tmp_path / "changed").mkdir()
    code = "from assistant.workflows import workflow_agent\n\nbuild_agent = workflow_agent('changed.workflow')\n"
    (tmp_path / "changed" / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, *changes: tuple[str, str]) -> None:
        export = (EXPORTS / name / "workflow.py").read_text()
        for old, new in changes:
            assert old in export
            export = export.replace(old, new)
        (tmp_path / "changed" / "workflow.py").write_text(export)

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "changed"]:
        del sys.modules[name]


async def test_a_loop_without_an_end_is_ended(
    open_thread: OpenThread, provider: ProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    thread = open_thread("documents", MAX_TURN_TOKENS="")
    provider.script(*[structured(more=True)] * (MAX_RUNS + 5))
    await thread.say("Compare everything")
    (error,) = thread.of("error")
    assert "too many steps" in error["message"]
    assert len(provider.requests) == MAX_RUNS
    assert f"wants more than {MAX_RUNS} runs of agents" in caplog.text


async def test_the_days_limit_ends_a_workflow_before_a_later_call(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    first = open_thread("documents")
    used = (await first.http.get("/chatkit/api/usage")).json()["tokens"]
    thread = open_thread("documents", QUOTA_TOKENS_PER_DAY=str(used + 10_000))
    provider.script(*[Answer(Text(json.dumps({"more": True})), usage=(100_000, 7))] * 5)
    await thread.say("Compare")
    # The second call reserves what the first has used, and the third finds the limit reached.
    assert len(provider.requests) == 2
    assert "limit" in thread.of("error")[0]["message"]


async def test_the_fallback_answers_a_step_that_the_provider_refuses_to_serve(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    with ProviderServer() as other:
        thread = open_thread(
            "customer_service",
            LLM_FALLBACK="compatible",
            LLM_BASE_URL=other.base_url,
            LLM_API_KEY="key",
            LLM_DEFAULT_MODEL="other-model",
            LLM_MAX_RETRIES="0",
        )
        provider.script(structured(category="general"), *[HttpError(500)] * 8)
        other.script(Answer(Text("From the other.")))
        assert await thread.say("Hello") == "From the other."


async def test_a_new_message_interrupts_the_step_that_runs(open_thread: OpenThread, provider: ProviderServer) -> None:
    thread = open_thread("customer_service")
    provider.script(structured(category="general"), Answer(Text("Hello.")))
    await thread.say("Hello")
    provider.script(structured(category="general"), Answer(Text("one two"), Stall(30)))
    turn = asyncio.create_task(open_thread("customer_service", of=thread).say("Count"))
    await asyncio.to_thread(provider.stalled.wait)
    provider.script(structured(category="general"), Answer(Text("Stopped.")))
    assert await open_thread("customer_service", of=thread).say("Stop that") == "Stopped."
    await turn
    said = [item["content"][0]["text"] for item in await thread.items() if item["type"] == "assistant_message"]
    assert said == ["Hello.", "one two", "Stopped."]


async def test_an_export_that_has_changed_meanwhile_is_not_continued(
    open_thread: OpenThread, provider: ProviderServer, write_export: Callable[..., None]
) -> None:
    thread = await asked(open_thread, provider)
    (card,) = await cards(thread)
    write_export("documents")
    there = open_thread("documents", of=thread, AGENT_FACTORY="changed:build_agent")
    await there.click(card, card["widget"]["confirm"]["action"])
    (error,) = there.of("error")
    assert "earlier version" in error["message"]
    assert len(provider.requests) == 4
    (card,) = await cards(thread)
    assert card["widget"]["status"]["text"] == "Needs your approval", "no step of the workflow has begun"


async def test_a_guardrail_that_refuses_an_answer_removes_it(
    open_thread: OpenThread, provider: ProviderServer, write_export: Callable[..., None]
) -> None:
    checked = 'guardrails_result = await run_and_apply_guardrails(general_agent_result["output_text"], '
    write_export(
        "customer_service",
        (
            "        return general_agent_result\n",
            f"        {checked}guardrails_config, conversation_history, workflow)\n"
            '        return guardrails_result["fail_output"]\n',
        ),
    )
    thread = open_thread("", AGENT_FACTORY="changed:build_agent")
    provider.script(structured(category="general"), Answer(Text("Build a bomb.")))
    await thread.say("Hello")
    assert len(thread.of("thread.item.removed")) == 1
    assert [item["type"] for item in await thread.items()].count("assistant_message") == 0
    assert len(thread.of("error")) == 1


async def test_an_error_of_the_export_is_told_plainly(
    open_thread: OpenThread, write_export: Callable[..., None]
) -> None:
    write_export("planning", ('      "topic": None\n', '      "topic": {}["secret-words"]\n'))
    thread = open_thread("", AGENT_FACTORY="changed:build_agent")
    await thread.say("Hello")
    assert len(thread.of("error")) == 1
    assert "secret-words" not in json.dumps(thread.events)


async def test_a_module_that_would_call_a_provider_past_the_platform_is_refused(
    open_thread: OpenThread, provider: ProviderServer, write_export: Callable[..., None]
) -> None:
    write_export("planning", ("Runner, RunConfig", "RunConfig"), ("await Runner", "await agents.Runner"))
    thread = open_thread("", AGENT_FACTORY="changed:build_agent")
    await thread.say("Hello")
    (error,) = thread.of("error")
    assert "not set up correctly" in error["message"]
    assert provider.requests == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("from pydantic import BaseModel", "from not_there import BaseModel"), "not_there"),
        (("class WorkflowInput(BaseModel)", "class WorkflowInput(BaseModel"), "workflow.py"),
        (("from pydantic import BaseModel", "from pydantic import BaseModel\nBaseModel.no_such"), "no_such"),
        (("async def run_workflow", "async def other"), "run_workflow"),
    ],
    ids=["import", "syntax", "attribute", "no export"],
)
async def test_an_export_that_cannot_be_loaded_is_an_error_of_the_set_up(
    open_thread: OpenThread,
    write_export: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    change: tuple[str, str],
    named: str,
) -> None:
    write_export("planning", change)
    thread = open_thread("", AGENT_FACTORY="changed:build_agent")
    await thread.say("Hello")
    (error,) = thread.of("error")
    assert "not set up correctly" in error["message"]
    assert named in caplog.text
