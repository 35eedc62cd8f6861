"""The hook `on_turn_end`: it is told each end, and harms no turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from assistant import turns
from assistant.api import create_app
from assistant.budgets import END_MARGIN_SECONDS, HOOK_SECONDS, LAST_SECONDS, TRACE_FLUSH_SECONDS
from assistant.context import RequestContext, Resources
from assistant.hooks import TurnEnd
from assistant.settings import load_settings
from assistant.turns import after
from tests.integration.turns.conftest import ProcessMaker, begin_stalled
from tests.support import turn_agents
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_server import Answer, HttpError, ProviderServer, Text, ToolCall
from tests.support.turns import ANN, creation

pytestmark = pytest.mark.anyio

Hook = Callable[[TurnEnd, RequestContext], Coroutine[None, None, None]]


@pytest.fixture
def set_hook(monkeypatch: pytest.MonkeyPatch) -> Callable[[Hook], None]:
    return lambda hook: monkeypatch.setattr(turn_agents, "on_turn_end", hook, raising=False)


@pytest.fixture
def told(set_hook: Callable[[Hook], None]) -> list[TurnEnd]:
    ends: list[TurnEnd] = []

    async def on_turn_end(turn: TurnEnd, context: RequestContext) -> None:
        assert turn.caller == context.caller
        ends.append(turn)

    set_hook(on_turn_end)
    return ends


async def test_the_hook_is_told_each_end_with_its_figures(
    process: ProcessMaker, provider: ProviderServer, told: list[TurnEnd]
) -> None:
    here = process(thread_titles=False)
    provider.script(Answer(ToolCall("look_up", {"what": "herons"})), Answer(Text("found")))
    await here.run(creation("hello"))
    stalled = await begin_stalled(here, provider)
    here.resources.running[next(iter(here.resources.running))].request_end("stopped")
    await stalled.wait()
    provider.reset()
    provider.script(*[HttpError(401, "invalid_api_key", "no")] * 3)
    await here.run(creation("hello again"))
    await turns.ended(here.resources)
    done, stopped, failed = told
    assert [turn.outcome for turn in told] == ["done", "stopped", "failed"]
    assert (done.provider, done.operation, done.tools, done.model_calls) == (
        "openai",
        "threads.create",
        ("look_up",),
        2,
    )
    assert done.input_tokens > 0
    assert done.output_tokens > 0
    assert done.error is None
    assert done.first_delta_seconds is not None
    assert done.first_delta_seconds <= done.seconds
    assert stopped.turn_id == stalled.turn_id
    assert failed.error == "model_credentials"
    assert len({turn.thread_id for turn in told}) == 3


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
async def test_an_error_in_the_hook_is_logged_without_its_text_and_harms_nothing(
    kind: type[BaseException],
    process: ProcessMaker,
    provider: ProviderServer,
    set_hook: Callable[[Hook], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def on_turn_end(turn: TurnEnd, context: RequestContext) -> None:
        # Not in the line itself, which the stack trace shows.
        raise kind("cana" + "ry")

    set_hook(on_turn_end)
    here = process()
    provider.script(Answer(Text("fine")))
    said = await here.run(creation("hello"))
    await turns.ended(here.resources)
    assert "fine" in str(said.items)
    assert "on_turn_end of turn" in caplog.text
    assert kind.__name__ in caplog.text
    assert "canary" not in caplog.text


async def test_a_hook_that_hangs_delays_no_event_and_is_cancelled(
    process: ProcessMaker,
    provider: ProviderServer,
    set_hook: Callable[[Hook], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cancelled = asyncio.Event()

    async def on_turn_end(turn: TurnEnd, context: RequestContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    set_hook(on_turn_end)
    here = process()
    provider.script(Answer(Text("fine")))
    # The whole stream is over while the hook still hangs.
    said = await here.run(creation("hello"))
    assert "fine" in str(said.items)
    assert not cancelled.is_set()
    assert here.resources.ending
    for task in here.resources.ending:
        task.cancel()
    await turns.ended(here.resources)
    monkeypatch.setattr(after, "HOOK_SECONDS", 0.05)
    provider.script(Answer(Text("fine")))
    await here.run(creation("hello"))
    await turns.ended(here.resources)
    assert cancelled.is_set()
    assert "was cancelled" in caplog.text


async def test_a_request_ends_only_after_the_hook(
    aws_environment: Aws, set_hook: Callable[[Hook], None], provider: ProviderServer
) -> None:
    done: list[str] = []

    async def on_turn_end(turn: TurnEnd, context: RequestContext) -> None:
        await asyncio.sleep(0.2)
        done.append(turn.outcome)

    set_hook(on_turn_end)
    settings = load_settings(aws_environment.environment(LLM_PROVIDER="demo", AGENT_FACTORY=turn_agents.FACTORY))
    for streaming in (True, False):
        async with client(create_app(Resources(settings), streaming=streaming)) as http:
            await ChatKitClient(http).say("hello")
    assert done == ["done", "done"]


@pytest.mark.parametrize(("left", "budget"), [(60.0, HOOK_SECONDS), (0.0, None), (-END_MARGIN_SECONDS, 0.0)])
async def test_the_hook_gets_what_the_functions_time_leaves(
    aws_environment: Aws, left: float, budget: float | None
) -> None:
    resources = Resources(load_settings(aws_environment.environment()))
    context = RequestContext(ANN, resources, deadline=asyncio.get_running_loop().time() + left)
    expected = min(HOOK_SECONDS, END_MARGIN_SECONDS - TRACE_FLUSH_SECONDS - LAST_SECONDS) if budget is None else budget
    assert after._budget(context) == pytest.approx(expected, abs=0.5)
    assert after._budget(RequestContext(ANN, resources)) == HOOK_SECONDS
