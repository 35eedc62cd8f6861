"""ASGI apps for the tests of the process: start-up, shutdown, snapshots, logs."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from typing import Any

import snapshot_restore_py

from lambda_stream import register_after_restore, register_before_snapshot
from tests.integration.stream.apps import Receive, Scope, Send, answer

NUMBER = 7
HOOKS: list[str] = []

logger = logging.getLogger("shop")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, "served")


async def fails_to_start(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def with_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["pool"] = "open"
        print("lifespan started")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("lifespan stopped")
        await send({"type": "lifespan.shutdown.complete"})
        return
    seen = scope["state"].setdefault("seen", 0)
    scope["state"]["seen"] += 1
    await answer(send, {"pool": scope["state"]["pool"], "seen": seen})


async def environment(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, dict(os.environ))


async def logs(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    logger.debug("only for debugging")
    logger.warning("over %d", 9000, extra={"basket": {"apples": 3}})
    await asyncio.to_thread(logger.warning, "from a thread")
    try:
        raise KeyError("pear")
    except KeyError:
        logger.exception("it failed")
    logger.error("the end")
    await answer(send, "logged")


async def snapshotted(scope: Scope, receive: Receive, send: Send) -> None:
    state = random.getstate()
    random.setstate(STATE_BEFORE[0])
    again = random.getrandbits(64)
    random.setstate(state)
    await answer(send, {"hooks": HOOKS, "random_repeats": random.getrandbits(64) == again})


STATE_BEFORE: list[Any] = []


def _note(text: str) -> None:
    HOOKS.append(text)
    print(text)


@register_before_snapshot
def _before() -> None:
    _note("before")
    STATE_BEFORE.append(random.getstate())


@register_before_snapshot
async def _before_async() -> None:
    await asyncio.sleep(0)
    _note("before async")


register_after_restore(_note, "after 1")
snapshot_restore_py.register_before_snapshot(_note, "aws before")
snapshot_restore_py.register_after_restore(_note, text="aws after")


@register_after_restore
async def _after_async() -> None:
    await asyncio.sleep(0)
    _note("after async")


def _fail() -> None:
    raise ConnectionError("cannot reconnect")


if os.environ.get("TEST_HOOK") == "fails_before_snapshot":
    register_before_snapshot(_fail)

if os.environ.get("TEST_HOOK") == "fails_after_restore":
    register_after_restore(_fail)
