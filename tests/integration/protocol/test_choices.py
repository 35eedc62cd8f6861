"""The model picker and the tool menu: what the deployment allows can be chosen, and nothing else."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from assistant.settings import AllowedModels
from tests.integration.protocol.conftest import NewThread
from tests.integration.protocol.test_messages import message
from tests.support.issuer import Issuer
from tests.support.strict_client import StrictClient

pytestmark = pytest.mark.anyio

MODELS = AllowedModels(("demo-large",), (("admin", ("demo-huge",)),))

allowing = pytest.mark.parametrize(
    "settings", [{"allowed_models": MODELS, "allowed_tools": ("search_help", "get_employee")}]
)


async def asked(thread: StrictClient, text: str, **options: Any) -> str:
    """Begin a thread with a message that has chosen something."""
    await thread.stream("threads.create", input=message(text, inference_options=options))
    return thread.said()


@allowing
async def test_the_chosen_model_answers_its_message(new_thread: NewThread) -> None:
    thread = new_thread()
    assert "This is the demo-large model" in await asked(thread, "Hello", model="demo-large")
    assert thread.item("user_message")["inference_options"] == {"model": "demo-large"}
    assert "This is the demo model" in await thread.say("And by default?")


@pytest.mark.parametrize(("role", "offered"), [("user", ["demo-large"]), ("admin", ["demo-large", "demo-huge"])])
@allowing
async def test_a_role_chooses_among_its_models(
    new_thread: NewThread, issuer: Issuer, role: str, offered: list[str]
) -> None:
    thread = new_thread(issuer.token(tenant_id=f"tenant-{uuid.uuid4().hex}", role=role))
    listed = (await thread.http.get("/chatkit/api/choices")).json()
    assert (listed["models"], listed["tools"]) == (offered, ["search_help", "get_employee"])
    for model in ("demo-large", "demo-huge"):
        answer = await thread.post("threads.create", input=message("Hello", inference_options={"model": model}))
        assert answer.status_code == (200 if model in offered else 400)


@allowing
async def test_the_chosen_tool_is_called_whatever_the_words_say(new_thread: NewThread) -> None:
    thread = new_thread()
    assert "search_help answered" in await asked(thread, "list my tasks, returns", tool_choice={"id": "search_help"})
    assert "get_employee answered" in await asked(thread, "number 7", tool_choice={"id": "get_employee"})


@pytest.mark.parametrize("settings", [{"allowed_tools": ("refund_invoice", "get_invoice")}])
async def test_a_chosen_tool_waits_for_approval_like_any_other(new_thread: NewThread, issuer: Issuer) -> None:
    thread = new_thread(issuer.token(tenant_id=f"tenant-{uuid.uuid4().hex}"))
    await asked(thread, "invoice 502 arrived broken", tool_choice={"id": "refund_invoice"})
    card = thread.widget()
    await thread.click(card, card["widget"]["confirm"]["action"])
    assert thread.of("error") == []
    assert "status: refunded" in thread.said()


@pytest.mark.parametrize("settings", [{"allowed_tools": ("search_help",)}])
async def test_a_chosen_tool_is_no_way_around_the_guardrail(new_thread: NewThread) -> None:
    thread = new_thread()
    await asked(thread, "returns, my card is 4111 1111 1111 1111", tool_choice={"id": "search_help"})
    (error,) = thread.of("error")
    assert "card numbers" in error["message"]


@pytest.mark.parametrize("options", [{"model": "gpt-6-sol"}, {"tool_choice": {"id": "refund_invoice"}}])
@allowing
async def test_what_is_not_offered_is_refused_and_leaves_no_thread(
    new_thread: NewThread, options: dict[str, Any]
) -> None:
    thread = new_thread()
    refused = await thread.post("threads.create", input=message("Hello", inference_options=options))
    assert refused.status_code == 400
    assert "not offered" in refused.json()["error"]["message"]
    assert (await thread.post("threads.list")).json()["data"] == []


async def test_without_a_setting_nothing_can_be_chosen(new_thread: NewThread) -> None:
    refused = await new_thread().post("threads.create", input=message("Hello", inference_options={"model": "demo"}))
    assert refused.status_code == 400


@pytest.mark.parametrize("settings", [{"allowed_tools": ("no_such_tool",)}])
async def test_a_tool_that_no_agent_has_is_an_error_that_says_so(new_thread: NewThread) -> None:
    thread = new_thread()
    await asked(thread, "Hello", tool_choice={"id": "no_such_tool"})
    (error,) = thread.of("error")
    assert error["message"] == "No agent here has the tool no_such_tool."
