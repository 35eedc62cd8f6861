"""Refunds that wait for the user's approval: the run is stored, a card asks, the answer resumes it."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from agents.testing import ModelStep, ScriptedModel, function_call
from chatkit.actions import Action
from chatkit.types import StreamingReq, ThreadCustomActionParams, ThreadsCustomActionReq, WidgetItem

from assistant import clock, turns
from assistant.agent import turn_models
from assistant.approvals import cards, runs
from assistant.approvals.decisions import AnsweredError
from assistant.approvals.runs import HeldRunUnreadableError
from assistant.aws import keys
from assistant.aws.objects import Objects
from assistant.clock import now
from assistant.context import Report, RequestContext, Resources
from assistant.errors import InvalidRequestError, ModelUnavailableError, NotFoundError, StoreUnavailableError
from assistant.identity import Caller
from assistant.threads import large_objects
from assistant.threads.rows import pack, unpack
from assistant.threads.store import ThreadStore
from helpdesk.records.invoices import Invoice, Invoices
from helpdesk.records.money import money
from tests.support.conversation import Conversation, call, say
from tests.support.model_runs import Alone
from tests.support.turns import addition
from tests.support.widget_schema import check_widget

pytestmark = pytest.mark.anyio


class Scripted(Alone, ScriptedModel):
    """A scripted model in the place of a chain."""


@dataclass
class Desk:
    """The platform's own server on a scripted model, each request of a process of its own."""

    conversation: Conversation
    monkeypatch: pytest.MonkeyPatch
    model: Scripted | None = None
    reports: list[Report] = field(default_factory=list)

    async def ask(self, *steps: Any) -> list[WidgetItem]:
        """Run a turn and return the cards that it shows."""
        await self._run(addition(self.conversation.thread.id, "Refund it, please"), steps)
        return await self.cards()

    async def click(self, card: WidgetItem, approve: bool, *steps: Any) -> None:
        """Answer a card."""
        button = card.widget.model_dump()["confirm" if approve else "cancel"]
        await self.send(button["action"]["payload"], card, *steps)

    async def send(self, payload: Any, card: WidgetItem | None, *steps: Any) -> None:
        """Send an answer as a page can send anything."""
        action: Action[str, Any] = Action(type=cards.DECIDE, payload=payload)
        item_id = None if card is None else card.id
        params = ThreadCustomActionParams(thread_id=self.conversation.thread.id, item_id=item_id, action=action)
        await self._run(ThreadsCustomActionReq(params=params), steps)

    async def cards(self) -> list[WidgetItem]:
        """Return the thread's cards as they are stored."""
        return await self.conversation.widgets()

    async def invoice(self, number: int = 502) -> Invoice:
        """Return an invoice of the tenant."""
        return await Invoices(self.conversation.resources.table, self.conversation.caller.tenant_id).get(number)

    def told(self) -> list[Any]:
        """Return what the model was told of its calls."""
        assert self.model is not None
        assert self.model.last_call is not None
        return [item["output"] for item in self.model.last_call.input if item.get("type") == "function_call_output"]

    async def _run(self, request: StreamingReq, steps: Any) -> None:
        """Perform a request as a process of its own; raise what has ended its turn."""
        model = self.model = Scripted(steps)
        self.monkeypatch.setattr(turn_models, "build_model", lambda *given: model)
        context = RequestContext(self.conversation.caller, self.conversation.resources)
        self.reports.append(context.report)
        # A page of its own: what it sends is no request that was sent before.
        turn = await turns.start(request, context, idempotency_key=None, frame_id=uuid.uuid4().hex)
        await turn.wait()
        if turn.error is not None:
            raise turn.error


def status_of(card: Any) -> Any:
    """Return what a card says of its answer."""
    return card.widget.model_dump()["status"]["text"]


def refund(*numbers: int) -> Any:
    """Return a model's step that calls for refunds, all at once."""
    arguments = [{"invoice_id": number, "reason": "It arrived broken"} for number in numbers]
    return [function_call("refund_invoice", each, call_id=f"call_{each['invoice_id']}") for each in arguments]


BILLING = call("transfer_to_billing")


async def desk_of(role: str, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Desk:
    conversation = await Conversation.start(resources, Caller("acme", "ann", role))
    conversation.thread.title = "Refunds"
    await conversation.store.save_thread(conversation.thread, RequestContext(conversation.caller, resources))
    return Desk(conversation, monkeypatch)


@pytest.fixture
async def desk(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return await desk_of("user", resources, monkeypatch)


async def test_nothing_is_refunded_before_the_user_approves(desk: Desk) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    assert (await desk.invoice()).status == "paid"
    check_widget(card.widget)
    text = json.dumps(card.widget.model_dump())
    assert "Refund invoice" in text
    assert "502" in text
    assert "It arrived broken" in text
    invoice = await desk.invoice()
    effect = f"{money(invoice.total_cents)} will be paid back for order {invoice.order_number}."
    assert effect in text


async def test_approving_runs_the_call_and_answers_the_card(desk: Desk) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    await desk.click(card, True, say("It is refunded."))
    assert (await desk.invoice()).status == "refunded"
    assert json.loads(desk.told()[-1])["status"] == "refunded"
    (answered,) = await desk.cards()
    assert answered.id == card.id
    dumped = answered.widget.model_dump(exclude_none=True)
    assert dumped["status"]["text"] == "Approved"
    assert "confirm" not in dumped


async def test_rejecting_runs_nothing_and_tells_the_model(desk: Desk) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    await desk.click(card, False, say("Then not."))
    assert (await desk.invoice()).status == "paid"
    assert "did not approve" in desk.told()[-1]
    (answered,) = await desk.cards()
    assert answered.widget.model_dump()["status"]["text"] == "Not approved"


async def test_a_second_answer_finds_nothing_to_answer(desk: Desk) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    await desk.click(card, False, say("Then not."))
    with pytest.raises(NotFoundError):
        await desk.click(card, True)
    assert (await desk.invoice()).status == "paid"


async def test_a_failure_behind_the_call_leaves_it_answered_and_the_next_turn_knows_its_result(desk: Desk) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    with pytest.raises(ModelUnavailableError):
        await desk.click(card, True, ModelStep.raise_error(ModelUnavailableError()))
    refunded = await desk.invoice()
    assert refunded.status == "refunded"
    (answered,) = await desk.cards()
    assert status_of(answered) == "Approved"
    for approve in (True, False):
        with pytest.raises(AnsweredError) as refused:
            await desk.click(card, approve)
        assert (refused.value.status, refused.value.retryable) == (409, False)
    await desk.ask(say("It is refunded."))
    assert await desk.invoice() == refunded
    assert json.loads(desk.told()[-1])["status"] == "refunded"


async def test_a_failure_before_the_call_leaves_the_question_open(desk: Desk, resources: Resources) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    # The run's card cannot be written: the mark that the call is made goes with it.
    real = ThreadStore.upsert_writes
    with pytest.MonkeyPatch.context() as patched:

        async def out_of_reach(self: ThreadStore, thread_id: str, item: Any, context: RequestContext) -> Any:
            if item.id == card.id and status_of(item) != "Needs your approval":
                raise StoreUnavailableError
            return await real(self, thread_id, item, context)

        patched.setattr(ThreadStore, "upsert_writes", out_of_reach)
        with pytest.raises(StoreUnavailableError):
            await desk.click(card, True, say("Never said."))
    assert (await desk.invoice()).status == "paid"
    (same,) = await desk.cards()
    assert status_of(same) == "Needs your approval"
    await desk.click(same, True, say("It is refunded."))
    assert (await desk.invoice()).status == "refunded"


async def test_a_call_whose_outcome_is_not_known_is_not_made_again_with_the_other_one_of_its_run(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await desk_of("admin", resources, monkeypatch)
    first, second = await desk.ask(BILLING, refund(501, 502))
    with pytest.MonkeyPatch.context() as patched:

        async def lost(*given: Any) -> None:
            raise StoreUnavailableError

        patched.setattr(runs, "_save", lost)
        with pytest.raises(StoreUnavailableError):
            await desk.click(first, True)
    once = await desk.invoice(501)
    assert once.status == "refunded"
    begun, _ = await desk.cards()
    check_widget(begun.widget)
    assert status_of(begun) == "Approved, no result yet"
    assert "Its outcome is not known: check before you ask again." in json.dumps(begun.widget.model_dump())
    with pytest.raises(AnsweredError):
        await desk.click(first, True)
    await desk.click(second, True, say("One is refunded."))
    assert await desk.invoice(501) == once
    assert (await desk.invoice(502)).status == "refunded"
    assert "outcome is not known" in desk.told()[-2]
    assert json.loads(desk.told()[-1])["status"] == "refunded"


@pytest.mark.parametrize("approve", [True, False])
async def test_an_answer_that_does_not_name_its_card_changes_it_too(desk: Desk, approve: bool) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    payload = card.widget.model_dump()["confirm" if approve else "cancel"]["action"]["payload"]
    await desk.send(payload, None, say("So be it."))
    (answered,) = await desk.cards()
    check_widget(answered.widget)
    assert (answered.id, status_of(answered)) == (card.id, "Approved" if approve else "Not approved")


async def test_a_card_that_is_gone_cannot_be_answered(desk: Desk) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    context = RequestContext(desk.conversation.caller, desk.conversation.resources)
    await desk.conversation.store.delete_thread_item(desk.conversation.thread.id, card.id, context)
    for sender in (card, None):
        with pytest.raises(NotFoundError):
            await desk.send(card.widget.model_dump()["confirm"]["action"]["payload"], sender)
    assert (await desk.invoice()).status == "paid"


async def test_a_run_that_an_earlier_release_has_stored_goes_on(desk: Desk) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    row = {name: value for name, value in (await held_row(desk)).items() if name not in ("answers", "cards")}
    await desk.conversation.resources.table.put(keys.Key(row["pk"], row["sk"]), {**row, "schema_version": 1})
    with pytest.raises(InvalidRequestError, match="card"):
        await desk.send(card.widget.model_dump()["confirm"]["action"]["payload"], None)
    await desk.click(card, True, say("It is refunded."))
    assert (await desk.invoice()).status == "refunded"
    (answered,) = await desk.cards()
    assert status_of(answered) == "Approved"


async def test_each_of_two_calls_is_asked_for_and_answered_by_itself(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await desk_of("admin", resources, monkeypatch)
    first, second = await desk.ask(BILLING, refund(501, 502))
    await desk.click(first, True)
    assert [(await desk.invoice(number)).status for number in (501, 502)] == ["refunded", "paid"]
    assert len(await desk.cards()) == 2
    await desk.click(second, False, say("One of them is refunded."))
    assert [(await desk.invoice(number)).status for number in (501, 502)] == ["refunded", "paid"]
    assert [card.widget.model_dump()["status"]["text"] for card in await desk.cards()] == ["Approved", "Not approved"]


@pytest.mark.parametrize(("role", "number"), [("user", 501), ("guest", 502), ("support", 4711), ("admin", 503)])
async def test_a_refund_that_would_be_refused_shows_no_card(
    resources: Resources, monkeypatch: pytest.MonkeyPatch, role: str, number: int
) -> None:
    desk = await desk_of(role, resources, monkeypatch)
    assert await desk.ask(BILLING, refund(number), say("That is not possible.")) == []
    assert "error" in json.loads(desk.told()[-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "invoice_id: Field required; reason: Field required"),
        ({"id": 502, "reason": "x"}, "invoice_id: Field required; id: Extra inputs are not permitted"),
        ({"invoice_id": 502, "amount": 5}, "reason: Field required; amount: Extra inputs are not permitted"),
        ({"invoice_id": 502, "reason": "x", "amount": 5}, "amount: Extra inputs are not permitted"),
        ({"invoice_id": 10**10, "reason": "x"}, "invoice_id: Input should be less than 10000000000"),
        (
            {"invoice_id": "x", "reason": "x"},
            "invoice_id: Input should be a valid integer, unable to parse string as an integer",
        ),
    ],
)
@pytest.mark.parametrize("role", ["user", "admin"])
async def test_nobody_is_asked_to_approve_arguments_that_do_not_fit(
    resources: Resources, monkeypatch: pytest.MonkeyPatch, role: str, arguments: dict[str, Any], message: str
) -> None:
    desk = await desk_of(role, resources, monkeypatch)
    assert (
        await desk.ask(
            BILLING, [function_call("refund_invoice", arguments, call_id="call_1")], say("That is not possible.")
        )
        == []
    )
    told = json.loads(desk.told()[-1])
    assert (told["error"], told["message"]) == ("invalid_arguments", message)
    assert (await desk.invoice()).status == "paid"


async def test_a_refund_made_by_another_user_meanwhile_refuses_the_approved_one(desk: Desk) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    invoices = Invoices(desk.conversation.resources.table, "acme")
    await invoices.refund(502, user_id="bob", reason="x", refund_id="another")
    await desk.click(card, True, say("It was refunded before."))
    assert "is refunded" in json.loads(desk.told()[-1])["message"]


async def test_the_role_counts_that_the_caller_has_when_the_run_goes_on(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await desk_of("admin", resources, monkeypatch)
    (card,) = await desk.ask(BILLING, refund(501))
    desk.conversation.caller = Caller("acme", "ann", "user")
    await desk.click(card, True, say("You may not."))
    assert (await desk.invoice(501)).status == "paid"
    assert json.loads(desk.told()[-1])["error"] == "forbidden"


async def held_row(desk: Desk) -> Any:
    thread = desk.conversation.thread.id
    rows, _ = await desk.conversation.resources.table.query(f"THREAD#acme#ann#{thread}", between=("H#", "H$"), limit=10)
    (row,) = rows
    return row


@pytest.mark.parametrize("change", [{"$schemaVersion": "99.0"}, {"current_agent": {"name": "Nobody"}}, {"x": None}])
async def test_a_run_that_cannot_be_read_any_more_is_refused_clearly(desk: Desk, change: dict[str, Any]) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    row = await held_row(desk)
    key = keys.Key(row["pk"], row["sk"])
    state = json.loads(unpack(row)) | change
    if change == {"x": None}:
        state = {}
    kept = {name: value for name, value in row.items() if name not in ("blob", "data")}
    await desk.conversation.resources.table.put(key, kept | pack(json.dumps(state)))
    with pytest.raises(HeldRunUnreadableError, match="earlier version"):
        await desk.click(card, True)
    assert (await desk.invoice()).status == "paid"


async def test_an_answer_a_day_later_counts_and_one_after_the_limit_does_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (card,) = await desk.ask(BILLING, refund(502))

    def after(time: timedelta) -> None:
        monkeypatch.setattr(clock, "now", lambda: now() + time)

    after(runs.HELD_FOR + timedelta(seconds=1))
    with pytest.raises(NotFoundError):
        await desk.click(card, True)
    after(timedelta(days=1))
    await desk.click(card, True, say("It is refunded."))
    assert (await desk.invoice()).status == "refunded"


async def test_nobody_else_can_answer(desk: Desk, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    payload = card.widget.model_dump()["confirm"]["action"]["payload"]
    for other in (Caller("acme", "bob", "admin"), Caller("globex", "ann", "admin")):
        theirs = Desk(await Conversation.start(resources, other), monkeypatch)
        theirs.conversation.thread = desk.conversation.thread
        with pytest.raises(NotFoundError):
            await theirs.send(payload, None)
    assert (await desk.invoice()).status == "paid"


@pytest.mark.parametrize("payload", [{}, {"run_id": "run_1"}, {"run_id": "run_1", "call_id": "c", "approve": "later"}])
async def test_a_payload_that_does_not_fit_is_refused(desk: Desk, payload: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        await desk.send(payload, None)


async def test_a_run_that_has_ended_leaves_nothing_behind(desk: Desk, resources: Resources) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    row = await held_row(desk)
    assert "acme" not in str(unpack(row)), "the caller is the resuming request's, never the stored one's"
    await desk.click(card, True, say("It is refunded."))
    assert await resources.table.get(keys.Key(row["pk"], row["sk"])) is None


@pytest.fixture
def in_the_bucket(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any run is too large for a row."""
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    client.create_bucket(Bucket="bucket")
    resources.objects = Objects(replace(resources.settings, bucket_name="bucket"), client)
    monkeypatch.setattr(runs, "MAX_INLINE_BYTES", 100)


async def swept(resources: Resources, until: datetime) -> None:
    for pk in keys.sweep_partitions():
        rows, _ = await resources.table.query(pk, between=("0", keys.sweep_bound(until)), limit=100)
        for work in rows:
            await large_objects.sweep_object(resources, work)


@pytest.mark.usefixtures("in_the_bucket")
async def test_a_run_too_large_for_a_row_waits_in_the_bucket_and_leaves_nothing_there(
    desk: Desk, resources: Resources
) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    row = await held_row(desk)
    assert "blob" not in row
    assert await resources.objects.get(row["object"])
    await desk.click(card, True, say("It is refunded."))
    assert (await desk.invoice()).status == "refunded"
    await swept(resources, now() + timedelta(days=1))
    with pytest.raises(KeyError):
        await resources.objects.get(row["object"])


@pytest.mark.usefixtures("in_the_bucket")
async def test_a_run_in_the_bucket_that_nobody_answers_goes_when_nobody_can_answer_it_any_more(
    desk: Desk, resources: Resources
) -> None:
    await desk.ask(BILLING, refund(502))
    row = await held_row(desk)
    await swept(resources, now() + runs.HELD_FOR)
    assert await resources.objects.get(row["object"])
    await swept(resources, now() + runs.HELD_FOR + timedelta(hours=2))
    with pytest.raises(KeyError):
        await resources.objects.get(row["object"])


async def test_tokens_used_before_an_approval_are_counted_once(desk: Desk) -> None:
    (card,) = await desk.ask(BILLING, refund(502))
    assert desk.reports[-1].model_calls == 2
    await desk.click(card, True, say("It is refunded."))
    assert desk.reports[-1].model_calls == 1


async def test_the_report_of_a_run_that_goes_on_names_the_tools_of_the_whole_run(desk: Desk) -> None:
    (card,) = await desk.ask(BILLING, call("list_invoices"), refund(502))
    await desk.click(card, True, call("get_invoice", invoice_id=501), say("It is refunded."))
    assert [report.tools for report in desk.reports] == [
        ["list_invoices", "refund_invoice"],
        ["list_invoices", "refund_invoice", "get_invoice"],
    ]
