"""The scripted server: the SDK's own ChatKitServer, whose answers are scripts chosen by the message's first word."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chatkit.actions import Action
from chatkit.server import ChatKitServer
from chatkit.types import (
    AudioInput,
    SyncCustomActionResponse,
    ThreadItem,
    ThreadMetadata,
    ThreadStreamEvent,
    TranscriptionResult,
    UserMessageItem,
    WidgetItem,
)

from tests.e2e.playground import actions, scripts
from tests.e2e.playground.memory import MemoryFiles, MemoryStore
from tests.e2e.playground.turns import Turn


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as JSON; empty when it is none."""
        try:
            value: dict[str, Any] = json.loads(self.body)
        except ValueError:
            return {}
        return value

    @property
    def type(self) -> str:
        """The protocol's operation, or the path when it is none."""
        return str(self.json.get("type", self.path))


@dataclass
class Backend:
    """What one test's server holds: its store, what was asked of it, and what it shall do wrong.

    Attributes:
        faults: One for each coming streaming request: `503`, `html` or `cut`; none is an honest answer.
    """

    bucket_url: str
    faults: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    feedback: list[tuple[list[str], str]] = field(default_factory=list)
    audio: list[AudioInput] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryStore()
        self.files = MemoryFiles(self.bucket_url)
        self.server = ScriptedServer(self)

    def requests(self, kind: str) -> list[Received]:
        """Return what came of one operation or path."""
        return [request for request in self.received if request.type == kind]

    def running(self, thread_id: str) -> Turn | None:
        """Return the turn that runs in a thread."""
        return next((turn for turn in self.turns if turn.running and turn.thread_id == thread_id), None)

    def seed(self, *items: ThreadItem, thread_id: str = "thr_seeded", **metadata: Any) -> str:
        """Put a thread with these items into the store."""
        self.store.threads[thread_id] = ThreadMetadata(id=thread_id, created_at=datetime.now(UTC), **metadata)
        self.store.items[thread_id] = {item.id: item for item in items}
        return thread_id


class ScriptedServer(ChatKitServer[None]):
    """Routes, stores and serialises as the SDK does; only the answers are scripts."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend.store, backend.files)
        self.backend = backend

    def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: None
    ) -> AsyncIterator[ThreadStreamEvent]:
        return scripts.play(thread, input_user_message, self.backend.store)

    def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: None
    ) -> AsyncIterator[ThreadStreamEvent]:
        return actions.stream(thread, action, sender)

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: None
    ) -> SyncCustomActionResponse:
        return SyncCustomActionResponse(updated_item=actions.updated(action, sender))

    async def add_feedback(self, thread_id: str, item_ids: list[str], feedback: str, context: None) -> None:
        self.backend.feedback.append((item_ids, feedback))

    async def transcribe(self, audio_input: AudioInput, context: None) -> TranscriptionResult:
        self.backend.audio.append(audio_input)
        return TranscriptionResult(text="spoken words")
