"""The spans of a turn, as a collector gets them."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from agents import Agent, function_tool
from agents.tool_context import ToolContext
from chatkit.agents import AgentContext

from assistant import otel
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.observability import user_hash
from assistant.settings import Settings
from tests.integration.tracing.conftest import OpenThread
from tests.support import desk
from tests.support.collector import Collector, Received
from tests.support.provider_server import Answer, HttpError, ProviderServer, Text, ToolCall

pytestmark = pytest.mark.anyio

QUESTION = "canary question about a heron"
ANSWER = "canary answer about a heron"
ARGUMENT = "canary task"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def tree(spans: list[Received]) -> set[tuple[str, str]]:
    """Return each span's parent and name."""
    names = {span.span_id: span.name for span in spans}
    return {(names.get(span.parent_id, ""), span.name) for span in spans}


async def test_a_turn_is_a_tree_of_spans(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector
) -> None:
    provider.script(
        Answer(ToolCall("transfer_to_tasks", {})),
        Answer(ToolCall("add_task", {"title": ARGUMENT})),
        Answer(Text(ANSWER)),
    )
    thread = open_thread()
    await thread.say(QUESTION)
    await otel.flush(60)
    spans = collector.spans
    assert len({span.trace_id for span in spans}) == 1
    assert tree(spans) >= {
        ("", f"invoke_workflow {desk.__name__}"),
        (f"invoke_workflow {desk.__name__}", "DynamoDB.BatchGetItem"),
        (f"invoke_workflow {desk.__name__}", "DynamoDB.TransactWriteItems"),
        (f"invoke_workflow {desk.__name__}", "invoke_agent Router"),
        ("invoke_agent Router", "guardrail card_numbers"),
        ("invoke_agent Router", "chat gpt-6-luna"),
        ("invoke_agent Router", "handoff Tasks"),
        (f"invoke_workflow {desk.__name__}", "invoke_agent Tasks"),
        ("invoke_agent Tasks", "execute_tool add_task"),
        ("execute_tool add_task", "DynamoDB.PutItem"),
    }
    [root] = collector.named("invoke_workflow")
    assert root.kind == "server"
    assert root.attributes["chatkit.turn.outcome"] == "done"
    assert root.attributes["gen_ai.operation.name"] == "invoke_workflow"
    assert root.attributes["chatkit.turn.model_calls"] == 3
    assert root.start <= min(span.start for span in spans)
    assert not any(span.failed for span in spans)
    hashed = user_hash("local", "guest", "")
    for span in spans:
        assert (span.attributes["user.hash"], span.attributes["user.id"]) == (hashed, hashed)
        assert span.attributes["chatkit.tenant.id"] == "local"
        # What is read before the claim does not know its new thread yet.
        if span.name.startswith(("chat ", "execute_tool", "invoke_agent", "handoff", "guardrail", "invoke_workflow")):
            assert span.attributes["gen_ai.conversation.id"] == span.attributes["session.id"] == thread.thread_id
            assert span.attributes["chatkit.turn.id"] == root.attributes["chatkit.turn.id"]


async def test_a_model_call_has_model_provider_tokens_and_first_chunk(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector
) -> None:
    provider.script(Answer(Text(ANSWER)))
    await open_thread().say(QUESTION)
    await otel.flush(60)
    [call] = collector.named("chat ")
    assert call.kind == "client"
    known = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-6-luna",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "gpt-6-luna",
        "gen_ai.response.finish_reasons": ["stop"],
    }
    assert {name: call.attributes[name] for name in known} == known
    assert call.attributes["gen_ai.usage.input_tokens"] > 0
    assert call.attributes["gen_ai.usage.output_tokens"] > 0
    assert 0 < call.attributes["gen_ai.response.time_to_first_chunk"] <= (call.end - call.start) / 1e9


async def test_each_attempt_is_a_span_and_a_failed_one_says_why(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector
) -> None:
    provider.script(HttpError(500, None, f"You said: {QUESTION}"), Answer(Text(ANSWER)))
    await open_thread().say(QUESTION)
    provider.reset()
    provider.script(*[HttpError(401, "invalid_api_key", f"You said: {QUESTION}")] * 3)
    await open_thread().say(QUESTION)
    await otel.flush(60)
    first, second, refused = collector.named("chat ")
    assert (first.failed, second.failed, refused.failed) == (True, False, True)
    assert first.attributes["error.type"] == "InternalServerError"
    assert refused.attributes["error.type"] == "AuthenticationError"
    done, failed = collector.named("invoke_workflow")
    assert (done.failed, done.attributes["chatkit.turn.outcome"]) == (False, "done")
    assert (failed.failed, failed.attributes["chatkit.turn.outcome"]) == (True, "failed")
    assert failed.attributes["error.type"] == "model_credentials"


async def test_a_guardrail_that_refuses_is_marked(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector
) -> None:
    provider.script(Answer(Text(ANSWER)))
    await open_thread().say("My card is 4111 1111 1111 1111")
    await otel.flush(60)
    [guardrail] = collector.named("guardrail card_numbers")
    assert guardrail.attributes["chatkit.guardrail.triggered"] is True
    assert "4111" not in str(collector.spans)


async def test_texts_are_recorded_with_log_content_in_the_conventions_attributes(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector
) -> None:
    provider.script(
        Answer(ToolCall("transfer_to_tasks", {})),
        Answer(ToolCall("add_task", {"title": ARGUMENT})),
        Answer(Text(ANSWER)),
    )
    await open_thread(LOG_CONTENT="true").say(QUESTION)
    await otel.flush(60)
    calls = collector.named("chat ")
    [asked] = json.loads(calls[0].attributes["gen_ai.input.messages"])
    assert asked["role"] == "user"
    assert QUESTION in str(asked["parts"])
    assert calls[0].attributes["gen_ai.system_instructions"]
    history = json.loads(calls[-1].attributes["gen_ai.input.messages"])
    assert [part["name"] for message in history for part in message["parts"] if part["type"] == "tool_call"][-1] == (
        "add_task"
    )
    assert ARGUMENT in str([part for message in history for part in message["parts"] if part["type"] == "tool_call"])
    assert history[-1]["role"] == "tool"
    [said] = json.loads(calls[-1].attributes["gen_ai.output.messages"])
    assert said == {
        "role": "assistant",
        "parts": [{"type": "text", "content": ANSWER}],
        "finish_reason": "stop",
    }
    [tool] = collector.named("execute_tool")
    assert json.loads(tool.attributes["gen_ai.tool.call.arguments"])["title"] == ARGUMENT
    assert tool.attributes["gen_ai.tool.call.result"]
    [root] = collector.named("invoke_workflow")
    assert QUESTION in root.attributes["gen_ai.input.messages"]
    assert ANSWER in root.attributes["gen_ai.output.messages"]


async def test_the_requests_traceparent_is_the_parent(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector
) -> None:
    await open_thread({"traceparent": TRACEPARENT}).say("hello")
    await open_thread({"traceparent": "nonsense"}).say("hello")
    # The caller has decided not to record this one.
    await open_thread({"traceparent": TRACEPARENT[:-1] + "0"}).say("hello")
    await otel.flush(60)
    below, own = collector.named("invoke_workflow")
    assert (below.trace_id, below.parent_id) == tuple(TRACEPARENT.split("-")[1:3])
    assert own.trace_id != below.trace_id
    assert own.parent_id == ""


async def test_lambdas_own_trace_is_the_parent_where_the_operator_says_so(
    open_thread: OpenThread, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"
    )
    await open_thread(XRAY_PARENT="true").say("hello")
    await open_thread().say("hello")
    await open_thread({"traceparent": TRACEPARENT}, XRAY_PARENT="true").say("hello")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "nonsense")
    await open_thread(XRAY_PARENT="true").say("hello")
    await otel.flush(60)
    ours, alone, callers, odd = collector.named("invoke_workflow")
    assert (ours.trace_id, ours.parent_id) == ("5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
    assert alone.parent_id == odd.parent_id == ""
    assert callers.parent_id == TRACEPARENT.split("-")[2]


async def test_a_request_without_a_turn_of_its_own_says_so(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector
) -> None:
    thread = open_thread()
    answer = await thread.post(
        "threads.add_user_message",
        thread_id="thr_unknown",
        input={"content": [{"type": "input_text", "text": QUESTION}], "attachments": [], "inference_options": {}},
    )
    assert answer.status_code == 404
    await otel.flush(60)
    [refused] = collector.named("invoke_workflow")
    assert refused.attributes["chatkit.turn.outcome"] == "refused"
    assert refused.attributes["error.type"] == "not_found"
    assert refused.failed


async def test_reads_are_not_traced(open_thread: OpenThread, collector: Collector) -> None:
    thread = open_thread()
    assert (await thread.post("threads.list")).status_code == 200
    await thread.say("hello")
    before = len(collector.spans)
    assert (await thread.post("threads.get_by_id", thread_id=thread.thread_id)).status_code == 200
    await otel.flush(60)
    assert before == 0
    assert len({span.trace_id for span in collector.spans}) == 1


async def test_a_tool_adds_spans_of_its_own(open_thread: OpenThread, collector: Collector) -> None:
    with otel.span("outside a turn"):
        pass
    await open_thread(LLM_PROVIDER="demo", AGENT_FACTORY=f"{__name__}:build_agent").say("!tool count_herons {}")
    await otel.flush(60)
    assert tree(collector.spans) >= {
        ("execute_tool count_herons", "pond"),
        ("pond", "DynamoDB.GetItem"),
        ("pond", "S3.PutObject"),
        ("pond", "S3.GetObject"),
    }
    [put] = collector.named("S3.PutObject")
    assert (put.kind, put.attributes["rpc.service"], put.attributes["rpc.method"]) == ("client", "S3", "PutObject")
    assert "canary" not in str(collector.spans)
    assert collector.named("pond")[0].attributes["shelf"] == 3
    [dry] = collector.named("dry pond")
    assert (dry.failed, dry.attributes["error.type"], dry.message) == (True, "ValueError", "")
    assert not collector.named("outside")


@function_tool
async def count_herons(context: ToolContext[AgentContext[RequestContext]]) -> str:
    """Count the herons."""
    with otel.span("pond", {"shelf": 3}):
        resources = context.context.request_context.resources
        await resources.table.get(Key("a", "b"))
        await resources.objects.put("canary/herons", b"canary")
        await resources.objects.get("canary/herons")
    with contextlib.suppress(ValueError), otel.span("dry pond"):
        raise ValueError("canary")
    return "two"


def build_agent(settings: Settings) -> Agent[Any]:
    """Return an agent with that tool."""
    return Agent[Any](name="Ranger", instructions="You count herons.", tools=[count_herons])
