"""Pages of users: each does one random thing after another, and notes what it was shown."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.faults.random_run.fleet import Server
from tests.faults.random_run.ledger import Item, Ledger, Operation, Shown, plain, text_of

# How often a client sends a request again whose answer broke off, as ChatKit's component does.
SENDINGS = 6
RESEND_SECONDS = 0.7
# A process that stands still is left alone after this.
READ_SECONDS = 20.0
FILE = b"some notes\n"
AUDIO = base64.b64encode(b"\x1aE\xdf\xa3 some audio").decode()
# A user has a few threads, so that pages meet in them.
MOST_THREADS = (1, 2, 3)


@dataclass
class Thread:
    """A thread as its user's pages know it.

    Attributes:
        thread_id: Its id.
        items: The items by id, as they were shown last.
        deleting: Whether a page has asked for its deletion.
    """

    thread_id: str
    items: dict[str, Item] = field(default_factory=dict)
    deleting: bool = False

    def of(self, kind: str, **having: Any) -> list[Item]:
        """Return the items of a kind with these values, in no order."""
        found = [item for item in self.items.values() if item["type"] == kind]
        return [item for item in found if all(item.get(name) == value for name, value in having.items())]


@dataclass
class User:
    """A user, and what all pages of theirs know."""

    name: str
    token: str
    most_threads: int
    threads: dict[str, Thread] = field(default_factory=dict)
    last_key: tuple[str, dict[str, Any], Operation] | None = None

    def alive(self) -> list[Thread]:
        """Return the threads that nobody has asked to delete."""
        return [thread for thread in self.threads.values() if not thread.deleting]


class Page:
    """A page of a user.

    Args:
        name: What the log calls it.
        user: Whose it is.
        servers: Where its requests may go.
        ledger: What it notes.
        chance: What it does.
    """

    def __init__(self, name: str, user: User, servers: list[Server], ledger: Ledger, chance: random.Random) -> None:
        self.name = name
        self.user = user
        self.chance = chance
        self.ended = False
        self._servers = servers
        self._ledger = ledger
        self._count = 0
        self._side: set[asyncio.Task[None]] = set()
        timeout = httpx2.Timeout(READ_SECONDS, connect=5.0)
        self._http = httpx2.AsyncClient(timeout=timeout, headers={"authorization": f"Bearer {user.token}"})

    # ---- what it does

    async def live(self) -> None:
        """Do one thing after another, until told to end."""
        while not self.ended:
            await self._act()
            await asyncio.sleep(self.chance.choice((0.0, 0.05, 0.3, 0.8)))
        await asyncio.gather(*self._side)

    async def close(self) -> None:
        """Close its connections."""
        for task in self._side:
            task.cancel()
        await self._http.aclose()

    async def _act(self) -> None:
        threads = self.user.alive()
        if len(threads) < self.user.most_threads and (not threads or self.chance.random() < 0.15):
            await self._create()
            return
        acts: dict[Callable[[Thread], Awaitable[None]], int] = {
            self._say: 40,
            self._race: 10,
            self._reload: 22,
            self._retry: 7,
            self._click: 7,
            self._decide: 12,
            self._tool_output: 8,
            self._answer_form: 8,
            self._click_at_once: 4,
            self._cancel: 10,
            self._follow: 10,
            self._list: 4,
            self._rename: 3,
            self._feedback: 3,
            self._attach: 5,
            self._dictate: 1,
            self._delete: 3,
            self._plain: 4,
        }
        act = self.chance.choices(list(acts), list(acts.values()))[0]
        await act(self.chance.choice(threads))

    def _tag(self) -> str:
        self._count += 1
        return f"{self.name}t{self._count}"

    def _words(self, tag: str) -> str:
        """Return a message: its tag, and lines that the demo model obeys."""
        lines = {
            f"!say well {tag}": 14,
            f"!slow {self.chance.randint(5, 40)}": 16,
            f"!slow {self.chance.randint(60, 120)}": 6,
            f'!tool effect {{"tag": "{tag}"}}': 10,
            f'!tool pay {{"tag": "{tag}"}}': 9,
            f'!tool show_card {{"text": "{tag}"}}': 8,
            "!tool ask_browser {}": 5,
            "!tool ask_form {}": 5,
            f'!tool note {{"text": "{tag}"}}': 5,
            f'!tool wait {{"seconds": {self.chance.choice((0.5, 2.5))}}}': 5,
            f"!fail {self.chance.choice((0, 5))}": 3,
            f"!long {self.chance.choice((5, 40))}": 4,
            "!think": 3,
            f"!image {tag}": 2,
            f'!say first {tag}\n!tool effect {{"tag": "{tag}"}}\n!tool show_card {{"text": "{tag}"}}': 10,
        }
        chosen = self.chance.choices(list(lines), list(lines.values()))[0]
        return f"{tag}\n{chosen}"

    async def _create(self) -> None:
        tag = self._tag()
        text = self._words(tag)
        operation = self._ledger.begin(self.name, self.user.name, "threads.create", tag=tag, text=text)
        await self._stream(operation, {"input": _message(text)})

    async def _say(self, thread: Thread, line: str | None = None, attachments: list[str] | None = None) -> None:
        tag = self._tag()
        text = self._words(tag) if line is None else f"{tag}\n{line}"
        operation = self._begin("threads.add_user_message", thread, tag=tag, text=text)
        await self._stream(operation, {"thread_id": thread.thread_id, "input": _message(text, attachments)})

    async def _race(self, thread: Thread) -> None:
        """Say two things at once, each to a process of its own."""
        await asyncio.gather(self._say(thread, "!say one"), self._say(thread, "!say two"))

    async def _plain(self, thread: Thread) -> None:
        """Say something in the short form."""
        tag = self._tag()
        text = f"{tag}\n!say plain {tag}"
        operation = self._begin("plain", thread, tag=tag, text=text, key=f"key-{tag}")
        body = {"thread_id": thread.thread_id, "message": {"content": text}}
        response = await self._send(operation, body, {"idempotency-key": f"key-{tag}"})
        if response is not None and response.status_code == 200:
            operation.status = "acknowledged"

    async def _retry(self, thread: Thread) -> None:
        messages = sorted(thread.of("user_message"), key=lambda item: str(item["created_at"]))
        if messages:
            target = messages[-1] if self.chance.random() < 0.7 else self.chance.choice(messages)
            params = {"thread_id": thread.thread_id, "item_id": target["id"]}
            operation = self._begin("threads.retry_after_item", thread, target=target["id"])
            await self._stream(operation, params)

    async def _click(self, thread: Thread) -> None:
        cards = [card for card in thread.of("widget") if not _asks(card)]
        if cards:
            card = self.chance.choice(cards)
            action = {"type": "change", "payload": {"to": self._tag()}}
            operation = self._begin("threads.custom_action", thread, target=card["id"])
            await self._stream(operation, {"thread_id": thread.thread_id, "item_id": card["id"], "action": action})

    async def _decide(self, thread: Thread) -> None:
        cards = [card for card in thread.of("widget") if _asks(card)]
        if cards:
            card = self.chance.choice(cards)
            button = self.chance.choices(("confirm", "cancel"), (4, 1))[0]
            action = card["widget"][button]["action"]
            sent = {"type": action["type"], "payload": action["payload"]}
            operation = self._begin("threads.custom_action", thread, target=card["id"], detail=button)
            await self._stream(operation, {"thread_id": thread.thread_id, "item_id": card["id"], "action": sent})

    async def _tool_output(self, thread: Thread) -> None:
        if thread.of("client_tool_call", status="pending"):
            operation = self._begin("threads.add_client_tool_output", thread)
            await self._stream(operation, {"thread_id": thread.thread_id, "result": {"width": 800}})

    async def _answer_form(self, thread: Thread) -> None:
        forms = thread.of("structured_input", status="pending")
        if forms:
            form = self.chance.choice(forms)
            answers = {"status": "answered", "answers": {"why": {"values": [f"because {self._tag()}"]}}}
            operation = self._begin("threads.add_structured_input", thread, target=form["id"])
            await self._stream(operation, {"thread_id": thread.thread_id, "item_id": form["id"], "input": answers})

    async def _follow(self, thread: Thread) -> None:
        """Send a request of this user's again, as a page does that was loaded anew."""
        if self.user.last_key is not None:
            key, body, operation = self.user.last_key
            await self._once(operation, body, {"idempotency-key": key})

    async def _click_at_once(self, thread: Thread) -> None:
        cards = [card for card in thread.of("widget") if not _asks(card)]
        if cards:
            card = self.chance.choice(cards)
            action = {"type": "change", "payload": {"to": self._tag()}}
            params = {"thread_id": thread.thread_id, "item_id": card["id"], "action": action}
            operation = self._begin("threads.sync_custom_action", thread, target=card["id"])
            answer = await self._ask(operation, params)
            if answer is not None and answer.get("updated_item"):
                item = answer["updated_item"]
                shown = Shown(operation.number, operation.sent, thread_id=thread.thread_id, complete=True)
                shown.done[item["id"]] = plain(item)
                shown.ended = self._ledger.now
                operation.shown.append(shown)
                thread.items[item["id"]] = item

    async def _reload(self, thread: Thread) -> None:
        kind = self.chance.choice(("threads.get_by_id", "items.list"))
        params: dict[str, Any] = {"thread_id": thread.thread_id}
        if kind == "items.list":
            params |= {"limit": self.chance.choice((5, 50)), "order": self.chance.choice(("asc", "desc"))}
        answer = await self._ask(self._begin(kind, thread), params)
        if answer is not None:
            data = answer["items"]["data"] if kind == "threads.get_by_id" else answer["data"]
            ids = [item["id"] for item in data]
            if len(set(ids)) != len(ids):
                self._ledger.faults.append(f"{thread.thread_id}: an item is listed twice: {ids}")
            for item in data:
                thread.items[item["id"]] = item

    async def _list(self, thread: Thread) -> None:
        operation = self._ledger.begin(self.name, self.user.name, "threads.list")
        answer = await self._ask(operation, {"limit": 50})
        for each in (answer or {}).get("data", []):
            self.user.threads.setdefault(each["id"], Thread(each["id"]))

    async def _rename(self, thread: Thread) -> None:
        title = self._tag()
        operation = self._begin("threads.update", thread, text=title)
        await self._ask(operation, {"thread_id": thread.thread_id, "title": title})

    async def _feedback(self, thread: Thread) -> None:
        said = thread.of("assistant_message")
        if said:
            item = self.chance.choice(said)
            operation = self._begin("items.feedback", thread, target=item["id"])
            params = {"thread_id": thread.thread_id, "item_ids": [item["id"]], "kind": "positive"}
            await self._ask(operation, params)

    async def _attach(self, thread: Thread) -> None:
        operation = self._ledger.begin(self.name, self.user.name, "attachments.create")
        params = {"name": "notes.txt", "size": len(FILE), "mime_type": "text/plain"}
        made = await self._ask(operation, params)
        if made is None:
            return
        operation.target = made["id"]
        descriptor = made["upload_descriptor"]
        try:
            put = await self._http.request(
                descriptor["method"],
                descriptor["url"],
                content=FILE,
                headers={**descriptor["headers"], "authorization": ""},
            )
        except httpx2.HTTPError:
            return
        if put.status_code == 200 and self.chance.random() < 0.7:
            await self._say(thread, attachments=[made["id"]])
        else:
            removal = self._ledger.begin(self.name, self.user.name, "attachments.delete", target=made["id"])
            await self._ask(removal, {"attachment_id": made["id"]})

    async def _dictate(self, thread: Thread) -> None:
        operation = self._ledger.begin(self.name, self.user.name, "input.transcribe")
        await self._ask(operation, {"audio_base64": AUDIO, "mime_type": "audio/webm"})

    async def _delete(self, thread: Thread) -> None:
        thread.deleting = True
        operation = self._begin("threads.delete", thread)
        for _ in range(SENDINGS):
            await self._ask(operation, {"thread_id": thread.thread_id})
            if operation.status != "unknown" or "404" in operation.detail:
                break
        self.user.threads.pop(thread.thread_id, None)

    async def _cancel(self, thread: Thread) -> None:
        operation = self._begin("cancel", thread)
        response = await self._send(operation, {"thread_id": thread.thread_id}, {}, "/chatkit/api/cancel")
        if response is not None and response.status_code == 200:
            operation.status = "acknowledged"

    # ---- how it is sent

    def _begin(self, kind: str, thread: Thread, **known: Any) -> Operation:
        return self._ledger.begin(self.name, self.user.name, kind, thread_id=thread.thread_id, **known)

    def _server(self, *functions: str) -> Server:
        wanted = [server for server in self._servers if not functions or server.function in functions]
        return self.chance.choice(wanted)

    async def _send(
        self, operation: Operation, body: dict[str, Any], headers: dict[str, str], path: str = "/chatkit/api"
    ) -> httpx2.Response | None:
        """Send what is answered at once. Return None where no answer came."""
        server = self._server()
        try:
            response = await self._http.post(server.url + path, json=body, headers=headers)
        except httpx2.HTTPError as error:
            operation.status, operation.uncertain = "unknown", True
            operation.detail = f"{operation.detail} {server.name}: {type(error).__name__}".strip()
            return None
        finally:
            operation.ended = self._ledger.now
        self._judge_status(operation, server, response.status_code, response.text)
        return response

    def _judge_status(self, operation: Operation, server: Server, status: int, text: str) -> None:
        if status < 300:
            return
        operation.detail = f"{operation.detail} {server.name}: {status} {text[:120]}".strip()
        if status >= 500:
            operation.status, operation.uncertain = "unknown", True
            if status not in (503,):
                self._ledger.faults.append(f"an unforeseen answer: {operation}")
        elif operation.status == "sent":
            # What is refused now may have been done before, by a request whose answer did not come.
            operation.status = "unknown" if operation.uncertain else "refused"

    async def _ask(self, operation: Operation, params: dict[str, Any]) -> dict[str, Any] | None:
        """Send an operation that is answered at once. Return None where it was not, or was refused."""
        operation.status = "sent"
        response = await self._send(operation, {"type": operation.kind, "params": params}, {})
        if response is None or response.status_code != 200:
            return None
        operation.status = "acknowledged"
        answer: dict[str, Any] = response.json()
        return answer

    async def _stream(self, operation: Operation, params: dict[str, Any]) -> None:
        """Send an operation that streams, again where its answer breaks off, or leave in the middle of the answer."""
        body = {"type": operation.kind, "params": params}
        headers = {"chatkit-frame-instance-id": f"frame-{self.name}"}
        keyed = self.chance.random() < 0.85
        if keyed:
            operation.key = f"key-{self.name}-{operation.number}"
            headers["idempotency-key"] = operation.key
            self.user.last_key = (operation.key, body, operation)
        leaves = self.chance.random() < 0.12
        for sending in range(SENDINGS if keyed else 1):
            if sending:
                await asyncio.sleep(RESEND_SECONDS)
            shown = await self._once(operation, body, headers, self.chance.randint(1, 12) if leaves else None)
            if shown.complete or shown.left or shown.refused:
                break
        operation.ended = self._ledger.now
        if operation.status == "sent":
            operation.status = "unknown"

    async def _once(
        self, operation: Operation, body: dict[str, Any], headers: dict[str, str], leave_after: int | None = None
    ) -> Shown:
        """Send it once and take what is shown."""
        server = self._server("stream")
        shown = Shown(operation.number, self._ledger.now, thread_id=operation.thread_id)
        operation.shown.append(shown)
        try:
            request = self._http.stream("POST", f"{server.url}/chatkit/api", json=body, headers=headers)
            async with request as response:
                if response.status_code != 200:
                    await response.aread()
                    shown.refused = response.status_code < 500
                    self._judge_status(operation, server, response.status_code, response.text)
                    return shown
                shown.turn_id = response.headers["x-turn-id"]
                events = 0
                async for line in response.aiter_lines():
                    if not line.startswith("data: "):
                        continue
                    event = json.loads(line.removeprefix("data: "))
                    shown.take(event)
                    self._learn(operation, shown, event)
                    events += 1
                    if leave_after is not None and events >= leave_after:
                        shown.left = True
                        return shown
                shown.complete = True
                # An answer that came to its end is one, whatever it says.
                operation.status = "acknowledged"
        except httpx2.HTTPError as error:
            operation.uncertain = True
            operation.detail = f"{operation.detail} {server.name}: {type(error).__name__}".strip()
        finally:
            shown.ended = self._ledger.now
        return shown

    def _learn(self, operation: Operation, shown: Shown, event: dict[str, Any]) -> None:
        if shown.thread_id is None:
            return
        operation.thread_id = operation.thread_id or shown.thread_id
        if event["type"] == "thread.created":
            self.user.threads.setdefault(shown.thread_id, Thread(shown.thread_id))
        thread = self.user.threads.get(shown.thread_id)
        item = event.get("item")
        if item is not None and event["type"] in ("thread.item.done", "thread.item.replaced"):
            if thread is not None:
                thread.items[item["id"]] = item
            if item["type"] == "user_message" and operation.tag and operation.tag in text_of(item).split("\n", 1)[0]:
                operation.status = "acknowledged"
        elif event["type"] == "thread.item.removed" and thread is not None:
            thread.items.pop(event["item_id"], None)


def _asks(card: Item) -> bool:
    return bool(card["widget"].get("confirm"))


def _message(text: str, attachments: list[str] | None = None) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"content": content, "attachments": attachments or [], "inference_options": {}}
