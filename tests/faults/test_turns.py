"""Each streaming operation, hurt at each call that leaves the process; afterwards the same invariants hold.

What its client has at the end is what is stored, and so has a follower in a second process. The user's message is
there exactly once, no item is half, the thread loads, the next turn works, and the model has run at most once more than
it was asked to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import pytest
from chatkit.types import (
    ClientToolCallItem,
    ErrorEvent,
    HiddenContextItem,
    StreamingReq,
    StructuredInputItem,
    ThreadItem,
    WidgetItem,
)

from assistant.agent import turn_models
from assistant.approvals.decisions import AnsweredError
from assistant.errors import AssistantError, ConflictError, NotFoundError, StoreUnavailableError
from assistant.models import build_model
from assistant.operations.reads import list_threads
from assistant.threads.hidden import is_tool_round
from assistant.turns import TurnHandle, cancel
from assistant.turns.follow import FollowedTurn
from tests.faults.apart import Apart
from tests.faults.conftest import Stage
from tests.faults.points import FaultyModel, Harm, Points, meets_others, watch
from tests.faults.scenes import ANSWER, OPERATIONS, RUNS, SAID, SCENES, asking_card, click, payments
from tests.faults.timing import LEASE_SECONDS, UNHURRIED_LEASE_SECONDS
from tests.support.turns import Client, Process, addition, eventually, follow, said_by_user, text_of

pytestmark = pytest.mark.anyio

# How often a client sends a request again whose answer broke off.
RESENDS = 5
KEY = "key_1"
# The operations that answer what an earlier turn has asked.
ANSWERS = ("client_tool_output", "structured_input", "approval", "rejection")
WHOLE = ("let me see", f"{ANSWER} ")
HIDDEN = ("hidden_context_item", "sdk_hidden_context")
# How the model is told of a call that failed: in the SDK's words, or by the platform's error.
FAILED = ("An error occurred", '{"error": ')


@dataclass(frozen=True)
class View:
    """What a client has at the end of a turn's answer.

    Attributes:
        whose: The client, for a failure.
        turn_id: The turn.
        client: What it has.
    """

    whose: str
    turn_id: str
    client: Client


class Case:
    """One operation, hurt at one point."""

    def __init__(self, stage: Stage, operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stage = stage
        self.operation = operation
        self.healthy = stage.process()
        self.faulty = stage.process()
        self.others: list[str] = []
        # Messages that a retry has removed after they were answered.
        self.taken_away = 0
        self.thread_id: str | None = None
        self.before: list[ThreadItem] = []
        self.turn_before: str | None = None
        self.views: list[View] = []
        self._monkeypatch = monkeypatch

    def lengthen_leases(self) -> None:
        """Keep a starved process from losing its turn in a case where no process stalls or dies."""
        self._monkeypatch.setattr("assistant.threads.turn_record.LEASE_SECONDS", UNHURRIED_LEASE_SECONDS)

    async def prepare(self) -> StreamingReq:
        """Make the thread ready, and return the request."""
        self.thread_id, request = await SCENES[self.operation](self.healthy)
        if self.thread_id is not None:
            self.before = await self.healthy.stored(self.thread_id)
            self.turn_before = (await self.healthy.turn_row(self.thread_id))["turn_id"]
        return request

    @property
    def known(self) -> list[ThreadItem]:
        """What its client has before: one that retries takes away what stands behind the message."""
        visible = [item for item in self.before if item.type not in HIDDEN]
        return visible[:1] if self.operation == "retry" else visible

    async def perform(self, request: StreamingReq, points: Points, key: str | None = None) -> Client | None:
        """Perform the request in the process that is hurt. Return None where a client would send it again."""
        with self._monkeypatch.context() as patched:
            patched.setattr(turn_models, "build_model", lambda *given: FaultyModel(build_model(*given), points))
            watch(self.faulty.resources, points)
            try:
                handle = await self.faulty.start(request, key=key)
            except AssistantError as error:
                if points.acting is not None:
                    await asyncio.wrap_future(points.acting)
                if error.status < 500:
                    raise
                return None
            following = asyncio.create_task(self._follow_elsewhere(handle.thread_id, handle.turn_id))
            client = await self.follow(handle, "the first client")
            if points.acting is not None:
                await asyncio.wrap_future(points.acting)
            await following
            return client

    async def follow(self, handle: TurnHandle, whose: str) -> Client:
        """Follow a turn to its end, and keep what its client has then."""
        client = await follow(handle, self.known)
        await handle.wait()
        self.views.append(View(whose, handle.turn_id, client))
        return client

    async def _follow_elsewhere(self, thread_id: str, turn_id: str) -> None:
        """Follow a turn from a second process."""
        followed = FollowedTurn(self.healthy.context(), thread_id, turn_id)
        await followed.prepare()
        await self.follow(followed, "a follower elsewhere")

    async def send_again(self, request: StreamingReq) -> Client:
        """Send the request again as a client does whose answer broke off."""
        for _ in range(RESENDS):
            try:
                handle = await self.healthy.start(request)
            except AssistantError as error:
                if error.status < 500:
                    raise
                continue
            return await self.follow(handle, "a client that has sent it again")
        raise AssertionError("the request was never answered")

    async def check(self, client: Client | None) -> None:
        """Check what must hold whatever has happened."""
        threads = (await list_threads(10, None, "desc", self.healthy.context())).data
        assert len(threads) == 1, "one thread, and no orphan beside it"
        thread_id = threads[0].id
        assert self.thread_id in (None, thread_id)
        await eventually(lambda: self._over(thread_id), "the turn is over")
        items = await self.healthy.stored(thread_id)
        assert sorted(said_by_user(items)) == sorted(SAID[self.operation] + self.others)
        _check_whole(items)
        self._check_nothing_lost(items)
        for view in self.views:
            await self._check_view(thread_id, view, items)
        next_turn = await self.healthy.run(addition(thread_id, "next"), known=items)
        assert next_turn.error is None, f"{next_turn.error} {self.stage.provider.refused}"
        assert text_of(list(next_turn.items.values())).endswith(f"{ANSWER} next")
        _check_whole(await self.healthy.stored(thread_id))
        assert self.stage.provider.refused == []
        asked = RUNS[self.operation] + len(self.others) + self.taken_away + 1
        assert self.stage.provider.runs <= asked + 1, f"{self.stage.provider.runs} runs for {asked}"

        if self.operation in ("approval", "rejection"):
            await self._check_decision(thread_id, items)

    async def _check_view(self, thread_id: str, view: View, items: list[ThreadItem]) -> None:
        """Check that what a client has at the end of a turn is what is stored."""
        client = view.client
        if client.error is not None and client.error.message == StoreUnavailableError.default_message:
            return  # It is told that the end could not be stored.
        story = await self.healthy.story(thread_id, view.turn_id)
        pk = self.healthy.caller.thread(thread_id).partition
        rows, _ = await self.healthy.resources.table.query(pk, between=(story["floor"], story["ceiling"]), limit=100)
        stored = {item.id: item for item in items if item.type not in HIDDEN}
        own = {row["id"] for row in rows} & (stored.keys() - {item.id for item in self.before})
        known = {item.id for item in self.known}
        # Where another message came as well, its turn may have changed what stood there before.
        compared = own if self.others else client.items.keys() | own
        for item_id in compared:
            assert item_id in client.items, f"{view.whose} was not told of {stored[item_id]}"
            item = client.items[item_id]
            assert item_id in client.complete | known, f"{view.whose} was left with an unfinished {item}"
            assert item_id in stored, f"{view.whose} was shown {item}, which is not there"
            assert item == stored[item_id], f"{view.whose} was shown {item}, and stored is {stored[item_id]}"

    async def _check_decision(self, thread_id: str, items: list[ThreadItem]) -> None:
        """Check that a call that was to be approved is made at most once, and that its card tells what is known."""
        card, paid = await asking_card(self.healthy, thread_id), await payments(self.healthy)
        status = card.widget.model_dump()["status"]["text"]
        match self.operation, status:
            case "approval", "Approved":
                told = _told_of_the_payment(items)
                assert (told, paid) == ("paid pay hello", 1) or (told.startswith(FAILED) and paid <= 1)
            case "approval", "Approved, no result yet":
                assert paid <= 1
            case ("approval", "Needs your approval") | ("rejection", "Not approved" | "Needs your approval"):
                assert paid == 0
            case other:
                raise AssertionError(other)
        assert ("confirm" in card.widget.model_dump(exclude_none=True)) is (status == "Needs your approval")
        clicked = click(next(item for item in self.before if item.id == card.id))  # type: ignore[arg-type]  # a card
        if status == "Needs your approval":
            assert (await self.healthy.run(clicked, frame="a page that was loaded anew")).error is None
            paid += 1
        with pytest.raises((AnsweredError, NotFoundError)) as refused:
            await self.healthy.start(clicked, frame="another page")
        assert not refused.value.retryable
        assert await payments(self.healthy) == paid

    async def is_done(self) -> bool:
        """Tell whether the end of the request's turn is stored."""
        threads = (await list_threads(10, None, "desc", self.healthy.context())).data
        if not threads:
            return False
        row = await self.healthy.turn_row(threads[0].id)
        return bool(row["turn_id"] != self.turn_before and row["state"] == "done")

    async def _over(self, thread_id: str) -> bool:
        await self.healthy.thread(thread_id)
        return str((await self.healthy.turn_row(thread_id))["state"]) != "running"

    def _check_nothing_lost(self, items: list[ThreadItem]) -> None:
        now = {item.id for item in items}
        lost = [item for item in self.before if item.id not in now]
        if self.operation == "retry" and lost:
            new = [item for item in items if item.id not in {each.id for each in self.before}]
            assert text_of(new).split("\n")[-1].startswith(ANSWER), "an old answer goes only when the new one has come"
        else:
            assert not lost


def _round(item: ThreadItem) -> list[dict[str, Any]]:
    """Return the calls and outputs of an item that keeps a round of them."""
    # Such an item has this content, which the type of items does not say.
    assert isinstance(item, HiddenContextItem)
    return cast(dict[str, list[dict[str, Any]]], item.content)["items"]


def _told_of_the_payment(items: list[ThreadItem]) -> str:
    """Return what the model is told of the payment's outcome."""
    rounds = [value for item in items if is_tool_round(item) for value in _round(item)]
    # The ids of calls are the platform's own, so the payment is found by its tool's name.
    payments = {value["call_id"] for value in rounds if value["type"] == "function_call" and value["name"] == "pay"}
    (output,) = (
        value["output"] for value in rounds if value["type"] == "function_call_output" and value["call_id"] in payments
    )
    return str(output)


def _check_whole(items: list[ThreadItem]) -> None:
    """Check that no item is half, unless a mark or a note for the model says so."""
    assert len({item.id for item in items}) == len(items)
    for index, item in enumerate(items):
        if item.type == "assistant_message" and not text_of([item]).startswith(WHOLE):
            marks = [each.type for each in items[index + 1 : index + 6]]
            assert "sdk_hidden_context" in marks, f"{text_of([item])!r} is half, and nothing says so: {marks}"
        if is_tool_round(item):
            values = _round(item)
            calls = sorted(value["call_id"] for value in values if value["type"] == "function_call")
            assert calls == sorted(value["call_id"] for value in values if value["type"] == "function_call_output")
        if isinstance(item, ClientToolCallItem):
            assert (item.status == "completed") is (item.output is not None)
        if isinstance(item, StructuredInputItem):
            assert (item.status == "answered") is (item.inputs[0].answer is not None)
        if isinstance(item, WidgetItem):
            assert item.copy_text in ("a card", "changed") or str(item.copy_text).startswith("Pay (What: pay hello): ")


Hurt = Callable[[Case, StreamingReq, int], Awaitable[Client | None]]


async def count_points(stage: Stage, operation: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of an operation's points."""
    case = Case(stage, operation, monkeypatch)
    request = await case.prepare()
    points = Points()
    client = await case.perform(request, points)
    await case.check(client)
    return points.passed


async def play(
    stages: Iterator[Stage],
    operation: str,
    monkeypatch: pytest.MonkeyPatch,
    hurt: Hurt,
    points: Iterable[int],
) -> None:
    """Hurt an operation at these points, and check each time what must hold.

    How many there are differs from time to time by the checkpoints of a turn that takes longer.
    """
    for at in points:
        case = Case(next(stages), operation, monkeypatch)
        try:
            client = await hurt(case, await case.prepare(), at)
            await case.check(client)
        except Exception as error:
            raise AssertionError(f"{operation}, point {at}: {error}") from error


def raised(harm: Harm) -> Hurt:
    """Let the call fail, before it is made or when its answer is on the way."""

    async def hurt(case: Case, request: StreamingReq, at: int) -> Client | None:
        client = await case.perform(request, Points(at=at, harm=harm))
        return client if client is not None else await case.send_again(request)

    return hurt


async def killed(case: Case, request: StreamingReq, at: int) -> Client | None:
    """Kill the process, and have the client send the request again."""
    died = await Apart(case.stage.settings, case.stage.caller, request, Points(at=at, harm="killed")).died()
    if died and case.operation not in ANSWERS and await case.is_done():
        return None  # Without a key, the same words after the end of their turn are a new message.
    try:
        return await case.send_again(request) if died else None
    except (ConflictError, NotFoundError):
        # It was killed when its end had just been stored: what answers a question does so once.
        assert case.operation in ANSWERS
        assert case.thread_id is not None
        assert (await case.healthy.turn_row(case.thread_id))["state"] == "done"
        return None


def stalled(meanwhile: Callable[[Case, StreamingReq], Awaitable[None]]) -> Hurt:
    """Let the process stand still past its lease, while something happens in another, and then go on."""

    async def hurt(case: Case, request: StreamingReq, at: int) -> Client | None:
        apart = Apart(case.stage.settings, case.stage.caller, request, Points(at=at, harm="stalled"), KEY)
        if await apart.stands_still():
            await asyncio.sleep(LEASE_SECONDS * 1.2)
            await meanwhile(case, request)
        answer = await apart.answer()
        await forget_what_was_taken_away(case)
        if answer.status >= 500:
            return await case.send_again(request)
        if answer.status != 200:
            assert case.operation in ANSWERS, answer.status
            return None
        client = answer.client(case.known)
        case.views.append(View("the client of the process that stood still", answer.turn_id, client))
        return client

    return hurt


async def look(case: Case, request: StreamingReq) -> None:
    """Load the thread anew, as a page does."""
    for thread in (await list_threads(10, None, "desc", case.healthy.context())).data:
        await case.healthy.thread(thread.id)


async def send_again(case: Case, request: StreamingReq) -> None:
    """Send the same request to another process."""
    with suppress(ConflictError, NotFoundError):  # What it answers has been answered.
        await case.follow(await case.healthy.start(request, key=KEY), "a client that has sent it again")


async def send_another(case: Case, request: StreamingReq) -> None:
    """Send another message from another process; a thread that is being created cannot be known yet."""
    threads = (await list_threads(10, None, "desc", case.healthy.context())).data
    if threads:
        case.others.append("other")
        handle = await stage_process(case).start(addition(threads[0].id, "other"))
        await handle.wait()


async def stopped(case: Case, request: StreamingReq, at: int) -> Client | None:
    """Stop the turn from its own process."""
    return await _acted(case, request, at, lambda: _stop(case, case.faulty))


async def stopped_elsewhere(case: Case, request: StreamingReq, at: int) -> Client | None:
    """Stop the turn from another process."""
    return await _acted(case, request, at, lambda: _stop(case, case.healthy))


async def stopped_by_key(case: Case, request: StreamingReq, at: int) -> Client | None:
    """Stop the turn by its key from another process, also before it is claimed."""
    return await _acted(case, request, at, lambda: cancel(case.healthy.context(), idempotency_key=KEY), key=KEY)


async def replayed(case: Case, request: StreamingReq, at: int) -> Client | None:
    """Send the same request to another process, by its key the same also when the first has just ended."""
    joined: list[Client] = []

    async def replay() -> None:
        joined.append(await case.follow(await case.healthy.start(request, key=KEY), "a client that has joined"))

    client = await _acted(case, request, at, replay, key=KEY)
    if not joined or client is None:
        return client  # The turn was over before it came to this point.
    assert [each.error for each in joined] == [client.error]
    assert [each.items for each in joined] == [client.items], "both have the same items"
    return client


async def raced(case: Case, request: StreamingReq, at: int) -> Client | None:
    """Send another message from another process; a thread that is being created cannot be known yet.

    The message may come first. Then nothing waits for an output or an answer any more, and that is refused; a retry
    takes the message away, as it does with all that comes after its own.
    """

    try:
        client = await _acted(case, request, at, lambda: send_another(case, request))
    except ConflictError:
        assert case.operation in ("client_tool_output", "structured_input")
        return None
    await forget_what_was_taken_away(case)
    return client


async def forget_what_was_taken_away(case: Case) -> None:
    """Expect no message that a retry has taken away."""
    if case.operation == "retry" and case.others:
        assert case.thread_id is not None
        if "other" not in said_by_user(await case.healthy.stored(case.thread_id)):
            case.others.clear()
            case.views.clear()
            case.taken_away += 1


def stage_process(case: Case) -> Process:
    """Return a third process."""
    return case.stage.process()


async def _stop(case: Case, process: Process) -> None:
    for thread in (await list_threads(10, None, "desc", case.healthy.context())).data:
        await process.cancel(thread.id)


async def _acted(
    case: Case, request: StreamingReq, at: int, act: Callable[[], Awaitable[Any]], key: str | None = None
) -> Client | None:
    case.lengthen_leases()
    client = await case.perform(request, Points(at=at, harm="acted", act=act), key)
    assert client is not None
    errors = [event for event in client.events if isinstance(event, ErrorEvent)]
    assert not errors or case.others
    return client


HURTS: dict[str, Hurt] = {
    "raised": raised("raised"),
    "throttled": raised("throttled"),
    "conflict": raised("conflict"),
    "killed": killed,
    "stalled and looked at": stalled(look),
    "stalled and sent again": stalled(send_again),
    "stalled and overtaken": stalled(send_another),
    "stopped": stopped,
    "stopped elsewhere": stopped_elsewhere,
    "stopped by key": stopped_by_key,
    "replayed": replayed,
    "raced": raced,
}


async def test_a_resend_shows_the_card_of_a_call_that_was_cut_off(
    stages: Iterator[Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(next(stages), "approval", monkeypatch)
    request = await case.prepare()
    points = Points(at=1, harm="killed", since="SET answers = :answers")
    assert await Apart(case.stage.settings, case.stage.caller, request, points).died()
    # A call beside the one that begins may shift the point, so the card is compared with the stored one.
    await case.check(await case.send_again(request))


def points_of(hurt: str, names: list[str]) -> list[int]:
    """Return the points at which a harm is done: at writes alone, or at all."""
    if hurt == "conflict":
        return [at for at, name in enumerate(names) if meets_others(name)]
    return list(range(len(names)))


# Every other pair, so that each operation and each harm are there. The long form has all pairs at all points.
PAIRS = [
    (operation, hurt)
    for row, operation in enumerate(OPERATIONS)
    for column, hurt in enumerate(HURTS)
    if (row + column) % 2 == 0
]


@pytest.mark.parametrize(("operation", "hurt"), PAIRS)
async def test_a_turn_that_is_hurt_at_a_point_leaves_everything_in_order(
    stages: Iterator[Stage], operation: str, hurt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = points_of(hurt, await count_points(next(stages), operation, monkeypatch))
    # Another point for each pair, so that together they meet all.
    at = points[(OPERATIONS.index(operation) * 3 + list(HURTS).index(hurt) * 2) % len(points)]
    await play(stages, operation, monkeypatch, HURTS[hurt], [at])


@pytest.mark.exhaustive
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("hurt", HURTS)
async def test_a_turn_that_is_hurt_at_any_point_leaves_everything_in_order(
    stages: Iterator[Stage], operation: str, hurt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = points_of(hurt, await count_points(next(stages), operation, monkeypatch))
    await play(stages, operation, monkeypatch, HURTS[hurt], points)
