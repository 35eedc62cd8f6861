"""What is asked of long work: a job runs in its own function, is cancelled, and its end comes into the thread."""

from __future__ import annotations

import asyncio
from typing import Any

from scripts.smoke_checks.run import CheckError, Run, Skipped, expect

# The sample's tool. Another package names its own job's tool as it likes.
TOOL = "count_invoices"
# The function starts within seconds. If it does not, the sweep starts it within five minutes.
ATTEMPTS = 90
WAIT_SECONDS = 1.0


async def long_work(run: Run) -> str:
    """A tool's job runs in its own function, a click cancels it, and its end is an item of the thread."""
    if run.provider != "demo":
        raise Skipped("only the demo model calls a tool on demand")
    turn = run.keep(await run.stack.say(f"!tool {TOOL}"))
    if "I have no tool" in turn.text:
        raise Skipped(f"the agents have no tool {TOOL}")
    if "unsupported_feature" in turn.text:
        raise Skipped("jobs are off")
    expect(not turn.errors, f"error event: {turn.errors}")
    clicked = False
    for _ in range(ATTEMPTS):
        page = await run.stack.operate("items.list", thread_id=turn.thread_id, limit=20, order="asc")
        cards = [item for item in page["data"] if item["type"] == "widget"]
        expect(cards, f"there is no card: {turn.text[:200]}")
        status = cards[-1]["widget"]["status"]["text"]
        if cards[-1]["widget"]["key"] == "job.ended":
            expect(page["data"][-1]["type"] == "assistant_message", "its end is not the thread's last item")
            expect(status in ("Cancelled", "Done"), f"it ended as {status}")
            return f"started, {status.lower()}, its end is in the thread"
        if status == "Working" and not clicked:
            clicked = True
            await _cancel(run, cards[-1])
        await asyncio.sleep(WAIT_SECONDS)
    raise CheckError(f"after {ATTEMPTS * WAIT_SECONDS:.0f} s its card says {status}")


async def _cancel(run: Run, card: dict[str, Any]) -> None:
    [button] = [part for part in card["widget"]["children"] if part["type"] == "Button"]
    action = {name: button["onClickAction"][name] for name in ("type", "payload")}
    await run.stack.operate(
        "threads.sync_custom_action", thread_id=card["thread_id"], item_id=card["id"], action=action
    )
