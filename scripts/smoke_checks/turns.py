"""What is asked of turns: that they are answered as they are written, that they stop, and that they go on."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import aclosing
from http import HTTPStatus
from itertools import pairwise

from scripts.deployment import ENDPOINT, Turn, is_delta, turn_request
from scripts.smoke_checks.run import SLOW_WORDS, CheckError, Run, Skipped, expect
from scripts.wire import read_raw

# Words that take four seconds arrive within a fraction of one where something on the way holds them back.
LEAST_SPREAD_SECONDS = 1.0
LEAST_PIECES = 5
# A turn whose client has left must still be written to its end, and shows in the thread then.
ABANDONED_SECONDS = 60.0
POLL_SECONDS = 1.0


async def plain_call(run: Run) -> str:
    """The plain call is answered. It also shows whether the only known address is a streaming one."""
    answer = await run.stack.http.post(
        f"{run.stack.url}{ENDPOINT}", json={"message": {"content": "Please greet me."}}, headers=run.stack.credentials
    )
    expect(answer.is_success, f"HTTP {answer.status_code}: {answer.text[:200]}")
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    run.streams = streamed or run.stack.stream_url != run.stack.url
    last = json.loads(answer.text.rstrip().rpartition("data: ")[2] if streamed else answer.text)
    run.threads.add(last["thread_id"])
    expect(last["done"] and last["final" if streamed else "content"], "no content")
    return "done, event by event" if streamed else "done, in one piece"


async def first_turn(run: Run) -> str:
    """A thread is created and its answer comes."""
    turn = run.keep(await run.stack.say("My favourite number is 7316. Please just greet me."))
    expect(not turn.errors, f"error event: {turn.errors}")
    expect(turn.thread_id, "no thread.created")
    expect(turn.text, "no answer")
    expect(turn.turn_id, "no X-Turn-Id")
    run.thread_id = turn.thread_id or ""
    first = turn.delta_arrivals[0] if turn.delta_arrivals else turn.arrivals[-1]
    return f"first word after {first:.1f} s, {len(turn.events)} events"


async def second_turn(run: Run) -> str:
    """The second turn knows what was said in the first."""
    turn = await run.stack.say("Which number did I call my favourite?", run.thread())
    expect(not turn.errors, f"error event: {turn.errors}")
    expect("7316" in turn.text.replace(",", ""), f"the answer is {turn.text[:80]!r}")
    return "the number is in the answer"


async def streaming(run: Run) -> str:
    """The answer arrives while it is written: nothing on the way holds it back."""
    if not run.streams:
        raise Skipped("STREAM_URL was not given, and URL answers in one piece")
    turn = await run.stack.say(run.long_answer(), run.thread())
    times = turn.delta_arrivals
    expect(len(times) >= LEAST_PIECES, f"the text came in {len(times)} pieces")
    spread = times[-1] - times[0]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    seen = f"{len(times)} pieces over {spread:.1f} s, longest gap {max(gaps):.2f} s"
    expect(spread >= LEAST_SPREAD_SECONDS, f"{seen}: held back on the way (see StreamFlushComments)")
    return seen


async def end_of_stream(run: Run) -> str:
    """On the wire the stream ends as HTTP asks, and says if the function failed in the middle of it."""
    answer = await read_raw(
        f"{run.stack.stream_url}{ENDPOINT}",
        turn_request("Please greet me once more.", run.thread()),
        run.stack.credentials,
    )
    expect(answer.status == HTTPStatus.OK, f"HTTP {answer.status}")
    expect(answer.ended, "the connection was cut in the middle")
    failed = [name for name in answer.trailers if "error" in name]
    expect(not failed, f"trailers say {failed}")
    return f"{answer.framing}, {answer.pieces} pieces, trailers: {', '.join(answer.trailers) or 'none'}"


async def cancelling(run: Run) -> str:
    """A stop stops, and what was said stays."""
    turn = Turn()
    cancelled = None
    async with aclosing(run.stack.follow(turn, turn_request(run.long_answer()))) as events:
        async for event in events:
            if cancelled is None and (is_delta(event) or not run.streams):
                run.keep(turn)
                cancelled = await run.stack.post(f"{ENDPOINT}/cancel", {"thread_id": turn.thread_id})
    if not run.streams:
        raise Skipped("a turn that is answered in one piece is over before it can be stopped here")
    expect(cancelled == {"cancelled": True}, f"the stop was answered {cancelled}")
    expect(f"word{SLOW_WORDS}" not in turn.text, "the turn ran to its end")
    page = await run.stack.operate("items.list", thread_id=turn.thread_id, limit=100, order="asc")
    expect(any(item["type"] == "assistant_message" for item in page["data"]), "what was said is lost")
    return f"stopped after {len(turn.delta_arrivals)} pieces, which are kept"


async def joining(run: Run) -> str:
    """The same request sent twice is one turn."""
    key = secrets.token_hex(16)
    text = run.long_answer()
    turns = await asyncio.gather(*(run.stack.say(text, run.thread(), key) for _ in range(2)))
    expect(turns[0].turn_id == turns[1].turn_id, "there were two turns")
    expect(turns[0].text == turns[1].text != "", "the two answers differ")
    return "one turn, both clients have all of it"


async def leaving(run: Run) -> str:
    """A client that leaves does not end its turn."""
    if not run.streams:
        raise Skipped("nothing streams here")
    turn = Turn()
    async with aclosing(run.stack.follow(turn, turn_request(run.long_answer()))) as events:
        async for event in events:
            if is_delta(event):
                break
    run.keep(turn)
    loop = asyncio.get_running_loop()
    give_up = loop.time() + ABANDONED_SECONDS
    while loop.time() < give_up:
        page = await run.stack.operate("items.list", thread_id=turn.thread_id, limit=10, order="desc")
        said = "".join(
            part["text"] for item in page["data"] if item["type"] == "assistant_message" for part in item["content"]
        )
        if said.endswith(f"word{SLOW_WORDS}") or "eighty" in said.lower():
            return "the answer was written to its end"
        await asyncio.sleep(POLL_SECONDS)
    raise CheckError(f"after {ABANDONED_SECONDS:.0f} s the answer is {said[-40:]!r}")


async def failing(run: Run) -> str:
    """A model that fails in mid-answer is told of in the stream, and what was said stays."""
    if run.provider != "demo":
        raise Skipped("only the demo model fails on demand")
    turn = await run.stack.say("!fail 3", run.thread())
    expect(len(turn.errors) == 1, f"{len(turn.errors)} error events")
    expect("word3" in turn.text, "what was said is lost")
    return "an error event, and the words before it"
