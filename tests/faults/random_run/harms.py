"""What happens to the processes of a random run, and to their ways to the local AWS."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence

from tests.faults.random_run.fleet import Server
from tests.faults.random_run.ledger import Ledger
from tests.faults.random_run.network import Trouble, Weather

TROUBLES: tuple[Trouble, ...] = ("throttled", "conflict", "broken", "unreached", "unanswered", "cut", "delayed")

# How often each kind of harm is done, beside the others.
USUAL = {"kill": 4, "stall": 6, "pause": 1, "weather": 6, "cut": 2, "restart": 1, "end": 1}


class Harms:
    """Does harm at random moments.

    Args:
        servers: To these.
        ledger: Told of each.
        chance: What, where and when.
        wanted: The names of those that are done.
        lease: How long a turn's lease is, in seconds.
        pause: The longest time between two harms.
    """

    def __init__(
        self,
        servers: list[Server],
        ledger: Ledger,
        chance: random.Random,
        *,
        wanted: Sequence[str],
        lease: float,
        pause: float,
    ) -> None:
        self._servers = servers
        self._ledger = ledger
        self._chance = chance
        self._wanted = wanted
        self._lease = lease
        self._pause = pause
        self._acting: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    async def rage(self) -> None:
        """Do harm until cancelled; what has begun is then to be healed."""
        known: dict[str, Callable[[Server], Awaitable[None]]] = {
            "kill": self._kill,
            "stall": self._stall,
            "pause": self._pause_shortly,
            "weather": self._weather,
            "cut": self._cut,
            "restart": self._restart,
            "end": self._end,
        }
        # Each run has a mood of its own: some harms often, others hardly.
        weights = [USUAL[name] * self._chance.choice((1, 2, 2, 10)) for name in self._wanted]
        while True:
            await asyncio.sleep(self._chance.uniform(0.2, 1.0) * self._pause)
            [name] = self._chance.choices(self._wanted, weights)
            task = asyncio.ensure_future(known[name](self._chance.choice(self._servers)))
            self._acting.add(task)
            task.add_done_callback(self._acting.discard)

    async def heal(self) -> None:
        """Let everything run as it should."""
        self._over.set()
        await asyncio.gather(*self._acting)
        for server in self._servers:
            server.link.weather = None
            server.go_on()
            server.start()

    async def _sleep(self, seconds: float) -> None:
        """Wait for this long, or until all is to be healed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    async def _kill(self, server: Server) -> None:
        self._ledger.note(f"kill {server.name}")
        server.kill()
        await self._sleep(self._chance.choice((0.0, 0.5, 2.0)))
        server.start()

    async def _stall(self, server: Server) -> None:
        """Let a process stand still for longer than its leases."""
        seconds = self._lease + self._chance.uniform(0.3, 2.0)
        await self._stand_still(server, seconds)

    async def _pause_shortly(self, server: Server) -> None:
        await self._stand_still(server, self._lease * self._chance.uniform(0.2, 0.8))

    async def _stand_still(self, server: Server, seconds: float) -> None:
        if server.stopped or not server.up:
            return
        self._ledger.note(f"{server.name} stands still for {seconds:.1f} s")
        server.stop()
        await self._sleep(seconds)
        self._ledger.note(f"{server.name} goes on")
        server.go_on()

    async def _weather(self, server: Server) -> None:
        trouble = self._chance.choice(TROUBLES)
        share = self._chance.choice((0.2, 0.5, 0.9))
        seconds = self._chance.uniform(0.5, 4.0)
        server.link.weather = weather = Weather(trouble, share, seconds=self._chance.uniform(0.1, 1.2))
        self._ledger.note(f"{server.name}: {share:.0%} of calls {trouble} for {seconds:.1f} s")
        await self._sleep(seconds)
        if server.link.weather is weather:
            server.link.weather = None

    async def _cut(self, server: Server) -> None:
        self._ledger.note(f"{server.name}: its connections to AWS are cut")
        server.link.cut()

    async def _end(self, server: Server) -> None:
        if server.stopped or not server.up:
            return
        self._ledger.note(f"{server.name} is asked to end")
        await server.end()
        server.start()

    async def _restart(self, _: Server) -> None:
        """Kill all processes at once."""
        self._ledger.note("all are killed")
        for server in self._servers:
            server.kill()
        await self._sleep(self._chance.choice((0.0, 1.0)))
        for server in self._servers:
            server.start()
