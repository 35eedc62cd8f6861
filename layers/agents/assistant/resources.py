"""What a process makes once and every request shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assistant import observability
from assistant.objects import Objects
from assistant.settings import Settings, load_settings
from assistant.table import Table

if TYPE_CHECKING:
    from assistant.turns.run import TurnRun


@dataclass
class Resources:
    """The settings, the table and the bucket of this process.

    Clients inside are made on first use, so constructing this costs nothing and a snapshot holds no socket.

    Attributes:
        settings: The configuration.
        table: The DynamoDB table.
        objects: The bucket.
        running: The turns that run in this process, by tenant, user and thread. One event loop uses it.
    """

    settings: Settings = field(default_factory=load_settings)
    table: Table = field(init=False)
    objects: Objects = field(init=False)
    running: dict[tuple[str, str, str], TurnRun] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        observability.keep_texts_out(self.settings.log_content)
        self.table = Table(self.settings)
        self.objects = Objects(self.settings)
