"""The judge: compares what clients were shown with what is stored, and names each violation."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from assistant.aws import keys
from assistant.errors import StoreUnavailableError
from tests.faults.random_run.agent import EFFECT, PAYMENT
from tests.faults.random_run.ledger import Item, Ledger, Operation, Shown, text_of
from tests.faults.random_run.truth import Row, Stored, Truth

# A turn whose answer broke off may go on in its process for about this long.
GOES_ON_SECONDS = 40.0
NEVER = float("inf")
# Kinds of items that later operations change in place, and these operations.
CHANGED_BY = {
    "widget": {"threads.custom_action", "threads.sync_custom_action"},
    "structured_input": {"threads.add_structured_input"},
    "client_tool_call": {
        "threads.add_client_tool_output",
        "threads.add_user_message",
        "threads.retry_after_item",
        "plain",
    },
    "workflow": set(),
}
# Operations that answer what an earlier turn has asked.
ANSWERS = {"threads.add_structured_input", "threads.add_client_tool_output"}
# What an answer says whose end could not be stored: it is what its client was promised, and no more.
NOT_STORED = StoreUnavailableError.default_message


@dataclass(frozen=True)
class Violation:
    """Something that must not be.

    Attributes:
        rule: Which rule it breaks.
        what: The difference.
        about: Words by which the log of it is found: a thread, a tag.
    """

    rule: str
    what: str
    about: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


def _claims(operation: Operation) -> set[str]:
    """Return the places of an operation's turns, which sort by their claims."""
    return {keys.own_place(turn_id) or "" for turn_id in operation.turns()}


class Judge:
    """Judges one run.

    Args:
        ledger: What the clients noted.
        truth: What is stored.
    """

    def __init__(self, ledger: Ledger, truth: Truth) -> None:
        self._ledger = ledger
        self._truth = truth
        self._by_thread: dict[str, list[Operation]] = defaultdict(list)
        for operation in ledger.operations:
            if operation.thread_id is not None:
                self._by_thread[operation.thread_id].append(operation)

    def violations(self) -> list[Violation]:
        """Return all that is wrong."""
        found = [Violation("an answer is well-formed", fault) for fault in self._ledger.faults]
        for operation in self._ledger.operations:
            for shown in operation.shown:
                found += [Violation("an answer is well-formed", f"{fault}: {operation}") for fault in shown.faults]
        found += self._messages()
        found += self._effects()
        found += self._deletions()
        found += self._orphans()
        for thread_id, stored in self._truth.threads.items():
            found += [Violation("a thread reads the same each way", each, (thread_id,)) for each in stored.problems]
            found += self._items(thread_id, stored)
            found += self._views(thread_id, stored)
            found += self._order(thread_id, stored)
            found += self._retries(thread_id, stored)
        return found

    # ---- messages

    def _messages(self) -> Iterator[Violation]:
        """Every acknowledged message is there once, any other at most once."""
        places: dict[str, list[str]] = defaultdict(list)
        for thread_id, stored in self._truth.threads.items():
            for item in stored.items:
                if item["type"] == "user_message":
                    places[text_of(item).split("\n", 1)[0]].append(thread_id)
        for operation in self._ledger.operations:
            if operation.tag is None:
                continue
            found = places.pop(operation.tag, [])
            about = (operation.tag, operation.thread_id or operation.tag)
            if len(found) > 1:
                yield Violation("a message is there once", f"{operation.tag} is there {len(found)} times", about)
            if operation.status == "refused" and found:
                yield Violation("a refused message is not there", f"{operation.tag} is in {found}", about)
            if found and operation.thread_id not in (None, found[0]):
                yield Violation("a message is in its thread", f"{operation.tag} is in {found}", about)
            if operation.status == "acknowledged" and not found and not self._may_be_gone(operation):
                yield Violation("an acknowledged message is there", f"{operation.tag} is not", about)
        for text in places:
            yield Violation("a message was sent", f"nobody has said {text!r}", (text,))

    def _may_be_gone(self, operation: Operation) -> bool:
        """Tell whether a message may have gone with its thread, or by a retry of an earlier one."""
        thread_id = operation.thread_id
        if thread_id is None or self._deleted(thread_id):
            return True
        # One that was said in the short form has shown no item.
        seen = [item_id for shown in operation.shown for item_id in shown.done]
        if not seen:
            return self._taken_away_between(thread_id, None, operation.sent, operation.ended or NEVER)
        return any(self._taken_away(thread_id, item_id) for item_id in seen)

    def _deleted(self, thread_id: str) -> bool:
        operations = self._by_thread[thread_id]
        return any(each.kind == "threads.delete" and each.changed_something for each in operations)

    def _taken_away(self, thread_id: str, item_id: str) -> bool:
        """Tell whether a retry may have taken an item away."""
        return self._taken_away_between(thread_id, item_id, *self._seen(thread_id, item_id))

    def _taken_away_between(self, thread_id: str, item_id: str | None, began: float, ended: float) -> bool:
        """Tell whether a retry may have taken an item away that was first shown between these moments."""
        return any(
            retry.target != item_id and began < _over(retry) and self._seen(thread_id, retry.target)[0] <= ended
            for retry in self._by_thread[thread_id]
            if retry.kind == "threads.retry_after_item" and retry.changed_something
        )

    def _seen(self, thread_id: str, item_id: str | None) -> tuple[float, float]:
        """Return when the first answer that has shown an item began and ended."""
        answers = [
            (shown.began, NEVER if shown.ended is None else shown.ended)
            for operation in self._by_thread[thread_id]
            for shown in operation.shown
            if item_id is not None and item_id in shown.order
        ]
        return min(answers, default=(0.0, NEVER))

    # ---- effects

    def _effects(self) -> Iterator[Violation]:
        """Each requested effect is there once, and no approval counts twice."""
        for operation in self._ledger.operations:
            if operation.tag is None:
                continue
            about = (operation.tag, operation.thread_id or operation.tag)
            ids = {item_id for shown in operation.shown for item_id in shown.done}
            retries = [
                each
                for each in self._by_thread.get(operation.thread_id or "", [])
                if each.kind == "threads.retry_after_item" and each.target in ids and each.changed_something
            ]
            told = f"effect answered: did {operation.tag}"
            answered = any(told in text_of(item) for shown in operation.shown for item in shown.done.values())
            wanted = 1 + len(retries) + (0 if answered else self._answers_after(operation))
            done = self._truth.times(operation.user, EFFECT + operation.tag)
            if done > wanted or (done and operation.status == "refused"):
                yield Violation("an effect is there once", f"{operation.tag}: {done} times for {wanted}", about)
            if answered and not done:
                yield Violation("an effect that was told of is there", operation.tag, about)
            yield from self._payments(operation, about)

    def _answers_after(self, message: Operation) -> int:
        """Count the turns that answer a question and have this message as the newest one.

        The message's own turn may have been interrupted while its tool ran. The model then does again what the message
        says.
        """
        operations = self._by_thread.get(message.thread_id or "", [])
        messages = sorted(place for each in operations if each.tag is not None for place in _claims(each))
        own = min(_claims(message), default=None)
        if own is None:
            return 0
        following = next((place for place in messages if place > own and place not in _claims(message)), "~")
        answers = [each for each in operations if each.kind in ANSWERS]
        return sum(own < place < following for each in answers for place in _claims(each))

    def _payments(self, operation: Operation, about: tuple[str, ...]) -> Iterator[Violation]:
        cards = {
            item_id: item
            for each in self._by_thread.get(operation.thread_id or "", [])
            for shown in each.shown
            for item_id, item in shown.done.items()
            if item["type"] == "widget" and str(item.get("copy_text")).startswith(f"Pay (Tag: {operation.tag})")
        }
        clicks = {
            each.target
            for each in self._by_thread.get(operation.thread_id or "", [])
            if each.target in cards and each.detail.startswith("confirm") and each.changed_something
        }
        paid = self._truth.times(operation.user, PAYMENT + str(operation.tag))
        if paid > len(clicks):
            yield Violation(
                "an approval counts once", f"{operation.tag}: paid {paid} times for {len(clicks)} approved cards", about
            )

    # ---- deletions and orphans

    def _deletions(self) -> Iterator[Violation]:
        """A deleted thread is gone; any other one is there."""
        for thread_id, operations in self._by_thread.items():
            there = thread_id in self._truth.threads
            if there and any(each.kind == "threads.delete" and each.status == "acknowledged" for each in operations):
                yield Violation("a deleted thread is not readable", thread_id, (thread_id,))
            known = any(shown.turn_id for each in operations for shown in each.shown)
            if known and not there and not self._deleted(thread_id):
                yield Violation("a thread is listed", thread_id, (thread_id,))

    def _orphans(self) -> Iterator[Violation]:
        """No row and no object belongs to nothing."""
        rows = self._truth.rows
        metas = {row["pk"] for row in rows if row["sk"] == "~meta"}
        pending = {row["object"] for row in rows if row["pk"].startswith("SWEEP#") and "object" in row}
        purged = {row["thread_id"] for row in rows if row["pk"].startswith("SWEEP#") and row.get("kind") == "purge"}
        held: set[str] = set()
        for row in rows:
            held |= {row["object"], *row.get("images", [])} if "object" in row else set(row.get("images", []))
            thread_id = unquote(row["pk"].split("#")[-1])
            if row["pk"].startswith("THREAD#"):
                if row["pk"] not in metas or row.get("deleted_at"):
                    yield Violation("no row is an orphan", f"{row['pk']} {row['sk']}", (thread_id,))
                if row["sk"] == "~turn" and row.get("state") == "running":
                    yield Violation("no turn runs for ever", f"{row['pk']} {row['turn_id']}", (thread_id,))
        for thread_id in purged:
            yield Violation("the sweep comes to its end", f"{thread_id} is still being removed", (thread_id,))
        users = [row for row in rows if row["pk"].startswith("USER#")]
        files = {row["sk"].removeprefix("F#") for row in users if row["sk"].startswith("F#")}
        for key in self._truth.objects:
            name = unquote(key.rsplit("/", 1)[-1])
            if key.startswith("attachments/"):
                if name not in files:
                    yield Violation("no file is an orphan", key)
            elif key not in held | pending and not self._is_picture_of_the_living(key):
                yield Violation("no object is an orphan", key)
        for key in held - set(self._truth.objects) - pending:
            yield Violation("an object is there", key)

    def _is_picture_of_the_living(self, key: str) -> bool:
        """Tell whether it is a picture whose turn was not stored: it goes with its thread."""
        return any(thread_id in key for thread_id in self._truth.threads)

    # ---- items

    def _items(self, thread_id: str, stored: Stored) -> Iterator[Violation]:
        """No item is there twice."""
        for item_id, count in Counter(item["id"] for item in stored.items).items():
            if count > 1:
                yield Violation("an item is there once", f"{item_id} is there {count} times", (thread_id,))

    def _views(self, thread_id: str, stored: Stored) -> Iterator[Violation]:
        """What a client has at the end of an answer is what is stored, unless something later has changed it."""
        now = {item["id"]: item for item in stored.items}
        for operation in self._by_thread[thread_id]:
            for shown in operation.shown:
                if shown.thread_id is None and operation.thread_id is None:
                    continue
                about = (thread_id,)
                whose = (
                    f"{thread_id}, {shown.turn_id}, operation {operation.number} ({operation.page} {operation.kind})"
                )
                for item_id in shown.done.keys() | shown.removed | shown.pending:
                    problem = self._compare(thread_id, operation, shown, item_id, now)
                    if problem:
                        yield Violation("a client's view is what is stored", f"{whose}: {problem}", about)
                yield from self._untold(thread_id, operation, shown, stored, whose)

    def _compare(
        self, thread_id: str, operation: Operation, shown: Shown, item_id: str, now: dict[str, Item]
    ) -> str | None:
        """Return what is wrong with an item of a view."""
        settled = shown.complete and not _was_not_stored(shown)
        if item_id in shown.removed:
            told_later = any(item_id in each.done for each in self._shown_after(thread_id, shown))
            return f"{item_id} was removed and is there" if settled and item_id in now and not told_later else None
        if item_id in shown.pending:
            return f"{item_id} was left unfinished" if settled else None
        item = shown.done[item_id]
        if not settled and item["type"] != "user_message":
            return None
        if item_id not in now:
            gone = self._taken_away(thread_id, item_id)
            gone = gone or any(item_id in each.removed for each in self._shown_after(thread_id, shown))
            return None if gone else f"{item['type']} {item_id} was shown and is not there: {_short(item)}"
        if item == now[item_id] or self._changed_later(thread_id, operation, shown, item, now[item_id]):
            return None
        return f"{item['type']} {item_id} was shown as {_short(item)} and is {_short(now[item_id])}"

    def _changed_later(self, thread_id: str, operation: Operation, shown: Shown, item: Item, now: Item) -> bool:
        """Tell whether something later, or at the same time, may have changed an item to what it is."""
        changing = CHANGED_BY.get(item["type"])
        if changing is None:
            return False
        return any(
            each is not operation
            and each.kind in changing
            and each.changed_something
            and each.target in (None, item["id"])
            and _over(each) >= shown.began
            for each in self._by_thread[thread_id]
        )

    def _shown_after(self, thread_id: str, shown: Shown) -> Iterable[Shown]:
        return [
            each
            for operation in self._by_thread[thread_id]
            for each in operation.shown
            if each is not shown and (each.ended or NEVER) >= (shown.ended or NEVER)
        ]

    def _untold(
        self, thread_id: str, operation: Operation, shown: Shown, stored: Stored, whose: str
    ) -> Iterator[Violation]:
        """Yield the items of a turn that its client was not told of."""
        if not shown.complete or shown.turn_id is None or _was_not_stored(shown) or operation.kind == "plain":
            return
        items = stored.turn_items(shown.turn_id)
        if items is None:
            yield Violation("a turn has a story", whose, (thread_id,))
            return
        untold = [item for item in stored.items if item["id"] in items and item["id"] not in shown.done]
        for item in untold:
            yield Violation(
                "a client's view is what is stored",
                f"{whose}: {item['type']} {item['id']} is there, and this client was not told: {_short(item)}",
                (thread_id,),
            )

    # ---- order

    def _order(self, thread_id: str, stored: Stored) -> Iterator[Violation]:
        """The items of a turn stand together, and turns stand in the order in which they were claimed."""
        homes = self._homes(thread_id)
        blocks: list[str] = []
        for item in stored.items:
            home = homes.get(item["id"])
            if home is not None and (not blocks or blocks[-1] != home):
                blocks.append(home)
        for turn_id, count in Counter(blocks).items():
            if count > 1:
                sequence = [
                    f"{homes.get(item['id'], '?')[-4:]}:{item['type']} {_short(item, 40)}" for item in stored.items
                ]
                yield Violation(
                    "the items of a turn stand together",
                    f"{thread_id}: those of {turn_id} stand in {count} places:\n    " + "\n    ".join(sequence),
                    (thread_id,),
                )
        spans = self._spans(thread_id)
        for index, later in enumerate(blocks):
            for earlier in blocks[index + 1 :]:
                if earlier in spans and later in spans and spans[earlier][1] < spans[later][0]:
                    yield Violation(
                        "turns stand in the order of their claims",
                        f"{thread_id}: {earlier} was over before {later} was asked for, and stands behind it",
                        (thread_id,),
                    )

    def _homes(self, thread_id: str) -> dict[str, str]:
        """Return the turns that have made items, by item."""
        homes: dict[str, tuple[float, str]] = {}
        for operation in self._by_thread[thread_id]:
            for shown in operation.shown:
                for item_id in self._made(operation, shown):
                    known = homes.get(item_id)
                    if known is None or shown.began < known[0]:
                        homes[item_id] = (shown.began, str(shown.turn_id))
        return {item_id: turn_id for item_id, (_, turn_id) in homes.items()}

    @staticmethod
    def _made(operation: Operation, shown: Shown) -> set[str]:
        """Return the items that a turn has made. A retry that fails also sends the items of the turns before it."""
        if shown.turn_id is None:
            return set()
        if operation.kind != "threads.retry_after_item":
            return shown.new
        claimed = keys.own_place(shown.turn_id) or ""
        return {item_id for item_id in shown.new if (keys.own_place(item_id) or "") > claimed}

    def _spans(self, thread_id: str) -> dict[str, tuple[float, float]]:
        """Return from when to when turns may have run, by turn."""
        spans: dict[str, tuple[float, float]] = {}
        for operation in self._by_thread[thread_id]:
            for turn_id in operation.turns():
                ends = [each.ended for each in operation.shown if each.turn_id == turn_id and each.complete]
                over = min((end for end in ends if end is not None), default=NEVER)
                began, ended = spans.get(turn_id, (NEVER, NEVER))
                spans[turn_id] = (min(began, operation.sent), min(ended, over))
        return spans

    # ---- retries

    def _retries(self, thread_id: str, stored: Stored) -> Iterator[Violation]:
        """A retry that has succeeded leaves nothing of what it has replaced but the cards that were approved."""
        places = {item["id"]: index for index, item in enumerate(stored.items)}
        for retry in self._by_thread[thread_id]:
            if retry.kind != "threads.retry_after_item" or retry.target not in places:
                continue
            for shown in retry.shown:
                own = [places[each] for each in shown.done if each in places]
                if not shown.complete or not own or stored.outcome(str(shown.turn_id)) != "done":
                    continue
                between = stored.items[places[retry.target] + 1 : min(own)]
                left = [item for item in between if item["id"] not in shown.done]
                if left:
                    yield Violation(
                        "a retry replaces the answer",
                        f"{thread_id}, {shown.turn_id}: {[_short(item) for item in left]} is left",
                        (thread_id,),
                    )


def _over(operation: Operation) -> float:
    """Return when an operation has certainly come to its end."""
    if operation.ended is None:
        return NEVER
    ends = [shown.ended for shown in operation.shown if shown.complete and shown.ended is not None]
    if operation.kind == "threads.sync_custom_action" and operation.status == "acknowledged":
        return operation.ended
    return min(ends) if ends else operation.ended + GOES_ON_SECONDS


def _was_not_stored(shown: Shown) -> bool:
    """Tell whether an answer has said that its end could not be stored."""
    return shown.error is not None and shown.error.get("message") == NOT_STORED


def _short(item: Item, most: int = 200) -> str:
    row: Row = {name: value for name, value in item.items() if name not in ("id", "thread_id", "type")}
    text = json.dumps(row, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)})"
