"""What a process makes once and every request shares."""

from __future__ import annotations

from dataclasses import dataclass, field

from assistant.objects import Objects
from assistant.settings import Settings, load_settings
from assistant.table import Table


@dataclass
class Resources:
    """The settings, the table and the bucket of this process.

    Clients inside are made on first use, so constructing this costs nothing and a snapshot holds no socket.
    """

    settings: Settings = field(default_factory=load_settings)
    table: Table = field(init=False)
    objects: Objects = field(init=False)

    def __post_init__(self) -> None:
        self.table = Table(self.settings)
        self.objects = Objects(self.settings)
