"""What the clients of a random run have asked for and were shown: the evidence."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Item = dict[str, Any]
Status = Literal["sent", "acknowledged", "refused", "unknown"]

# Made anew each time they are shown.
_URLS = {"url", "preview_url", "upload_descriptor"}


def plain(value: Any) -> Any:
    """Return a thread item without what differs from one time to the next: signed URLs."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if name not in _URLS}
    return [plain(each) for each in value] if isinstance(value, list) else value


def text_of(item: Item) -> str:
    """Return what a message says."""
    return "".join(str(part.get("text", "")) for part in item.get("content") or [])


@dataclass
class Shown:
    """What one answer has shown to its client.

    Attributes:
        operation: The number of the operation that it answers.
        began: When it began, by the run's clock.
        turn_id: The turn, once its headers have come.
        ended: When it ended.
        complete: Whether it came to its regular end.
        left: Whether the client left it.
        refused: Whether it was a refusal, which is final.
        thread_id: The thread.
        done: The items that were shown as done, as they were shown last.
        pending: Those that were being written when it ended.
        removed: Those that were taken back.
        order: All of them as they first appeared.
        error: The last `error` event.
    """

    operation: int
    began: float
    turn_id: str | None = None
    ended: float | None = None
    complete: bool = False
    left: bool = False
    refused: bool = False
    thread_id: str | None = None
    done: dict[str, Item] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    order: list[str] = field(default_factory=list)
    new: set[str] = field(default_factory=set)
    error: dict[str, Any] | None = None
    faults: list[str] = field(default_factory=list)

    def take(self, event: dict[str, Any]) -> None:
        """Take an event into account, by the protocol's rules."""
        match event["type"]:
            case "thread.created":
                self.thread_id = event["thread"]["id"]
            case "thread.item.added":
                item_id = event["item"]["id"]
                if item_id in self.pending or item_id in self.done:
                    self.faults.append(f"{item_id} is added twice")
                self.pending.add(item_id)
                self._appear(item_id, new=True)
            case "thread.item.updated":
                item_id = event["item_id"]
                if item_id not in self.pending and item_id not in self.done:
                    self.faults.append(f"{item_id} is updated before it is added")
            case "thread.item.done":
                item_id = event["item"]["id"]
                if item_id in self.done:
                    self.faults.append(f"{item_id} is done twice")
                self._complete(event["item"], new=True)
            case "thread.item.replaced":
                self._complete(event["item"], new=False)
            case "thread.item.removed":
                item_id = event["item_id"]
                self.pending.discard(item_id)
                self.done.pop(item_id, None)
                self.removed.add(item_id)
            case "error":
                self.error = event

    def _complete(self, item: Item, *, new: bool) -> None:
        # One that is replaced while it is written, as its followers see it, is still being written.
        if new or item["id"] not in self.pending:
            self.pending.discard(item["id"])
            self.done[item["id"]] = plain(item)
        self.removed.discard(item["id"])
        self._appear(item["id"], new=new)

    def _appear(self, item_id: str, *, new: bool) -> None:
        if item_id not in self.order:
            self.order.append(item_id)
            if new:
                self.new.add(item_id)

    def __str__(self) -> str:
        how = "" if self.complete else ", left" if self.left else ", broken"
        error = "" if self.error is None else f", error {self.error.get('message') or self.error.get('code')}"
        counts = f"done {len(self.done)}, pending {len(self.pending)}, removed {len(self.removed)}"
        return f"[{self.turn_id or '?'} {_span(self.began, self.ended)}{how}: {counts}{error}]"


@dataclass
class Operation:
    """One thing that a user did.

    Attributes:
        number: Its place in the log.
        page: Who did it.
        user: The page's user.
        kind: ChatKit's name of it, or `cancel`.
        sent: When it was sent first, by the run's clock.
        thread_id: The thread, once it is known.
        tag: The unique word of its message.
        text: The message.
        target: The item that it is about.
        key: Its idempotency key.
        status: What is known of its outcome.
        uncertain: Whether one of the answers to it did not come.
        ended: When it was given up or answered.
        shown: All answers to it.
        detail: More for the log, such as a refusal.
    """

    number: int
    page: str
    user: str
    kind: str
    sent: float
    thread_id: str | None = None
    tag: str | None = None
    text: str = ""
    target: str | None = None
    key: str | None = None
    status: Status = "sent"
    uncertain: bool = False
    ended: float | None = None
    shown: list[Shown] = field(default_factory=list)
    detail: str = ""

    @property
    def changed_something(self) -> bool:
        """Whether it may have."""
        return self.status != "refused"

    def turns(self) -> set[str]:
        """Return the turns that have answered it."""
        return {each.turn_id for each in self.shown if each.turn_id is not None}

    def __str__(self) -> str:
        parts = [f"{_span(self.sent, self.ended)} {self.page} {self.kind}", self.thread_id, self.tag, self.target]
        said = repr(self.text[:80]) if self.text else None
        return " ".join(str(part) for part in [*parts, said, self.status, self.detail, *self.shown] if part)


def _span(began: float, ended: float | None) -> str:
    return f"{began:7.2f}-{'' if ended is None else f'{ended:.2f}'}"


@dataclass
class Ledger:
    """All of a run.

    Attributes:
        operations: In the order in which they were sent.
        happened: Harms and troubles, with their moments.
        faults: What was wrong with an answer at once.
    """

    operations: list[Operation] = field(default_factory=list)
    happened: list[tuple[float, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _zero: float = field(default_factory=time.monotonic)

    @property
    def now(self) -> float:
        """The run's clock, in seconds."""
        return time.monotonic() - self._zero

    def begin(self, page: str, user: str, kind: str, **known: Any) -> Operation:
        """Note that an operation is about to be sent."""
        operation = Operation(len(self.operations), page, user, kind, self.now, **known)
        self.operations.append(operation)
        return operation

    def note(self, what: str) -> None:
        """Note a harm."""
        self.happened.append((self.now, what))

    def log(self, about: Iterable[str] = ()) -> str:
        """Return the log: the harms, and the operations in which one of the words occurs; all without words."""
        words = list(about)
        lines = [(each.sent, str(each)) for each in self.operations]
        lines = [(at, line) for at, line in lines if not words or any(word in line for word in words)]
        lines += [(at, f"{at:7.2f} -- {what}") for at, what in self.happened]
        return "\n".join(line for _, line in sorted(lines))
