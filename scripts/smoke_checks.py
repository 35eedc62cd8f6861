"""What `make smoke` asks of a deployed stack, in order. Each check returns what it saw, or raises.

To add one, write a function and list it in `CHECKS`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import pairwise

from scripts.deployment import ENDPOINT, Deployment, RefusedError, Turn, is_delta, turn_request
from scripts.wire import read_raw

FOREIGN_ORIGIN = "https://not-allowed.invalid"
# The demo model says a word each tenth of a second; any other is asked for as much text as takes it seconds.
SLOW_WORDS = 40
LONG_TEXT = "Write the numbers from one to eighty in words, separated by spaces. Use no tools."
# Words that take four seconds arrive within a fraction of one where something on the way holds them back.
LEAST_SPREAD_SECONDS = 1.0
LEAST_PIECES = 5
# A turn whose client has left must still be written to its end, and shows in the thread then.
ABANDONED_SECONDS = 60.0
POLL_SECONDS = 1.0
FILE = b"Buy a heron.\n"


class CheckError(Exception):
    """What was checked does not hold."""


class Skipped(Exception):
    """What was to be checked does not apply to this deployment."""


@dataclass
class Run:
    """What one run knows.

    Attributes:
        stack: The deployment.
        origin: A page's origin that the deployment lets in; None if unknown.
        provider: What /health says.
        streams: Whether there is an address that streams.
        thread_id: The thread that the checks talk in.
        threads: All threads of this run, to be deleted.
    """

    stack: Deployment
    origin: str | None = None
    provider: str = ""
    streams: bool = True
    thread_id: str = ""
    threads: set[str] = field(default_factory=set)

    def long_answer(self) -> str:
        """Return a message whose answer takes some seconds."""
        return f"!slow {SLOW_WORDS}" if self.provider == "demo" else LONG_TEXT

    def thread(self) -> str:
        """Return the run's thread."""
        if not self.thread_id:
            raise Skipped("there is no thread: no turn has worked")
        return self.thread_id

    def keep(self, turn: Turn) -> Turn:
        """Remember a turn's thread for the deletion at the end, and return the turn."""
        if turn.thread_id:
            self.threads.add(turn.thread_id)
        return turn


Check = Callable[[Run], Awaitable[str]]


def expect(holds: object, otherwise: str) -> None:
    """Raise unless something holds."""
    if not holds:
        raise CheckError(otherwise)


async def health(run: Run) -> str:
    """The functions run."""
    for stream in (False, True):
        answer = await run.stack.get("/health", stream=stream)
        expect(answer.status_code == HTTPStatus.OK, f"HTTP {answer.status_code}")
        run.provider = answer.json()["provider"]
    return f"provider {run.provider}"


async def no_token(run: Run) -> str:
    """Without a token nothing is answered."""
    answer = await run.stack.get(f"{ENDPOINT}/usage")
    if answer.status_code == HTTPStatus.OK:
        raise Skipped("THIS DEPLOYMENT LETS GUESTS IN")
    expect(answer.status_code == HTTPStatus.UNAUTHORIZED, f"HTTP {answer.status_code}")
    expect("www-authenticate" in answer.headers, "401 without www-authenticate")
    return "401"


async def bad_token(run: Run) -> str:
    """A token that does not verify is refused, by every function."""
    bad = {run.stack.header: "Bearer not.a.token"}
    for url in (run.stack.url, run.stack.stream_url):
        answer = await run.stack.http.get(f"{url}{ENDPOINT}/usage", headers=bad)
        expect(answer.status_code == HTTPStatus.UNAUTHORIZED, f"HTTP {answer.status_code} at {url}")
    upload = await run.stack.http.post(
        f"{run.stack.upload_url}{ENDPOINT}/upload", files={"file": ("a.txt", FILE, "text/plain")}, headers=bad
    )
    expect(upload.status_code == HTTPStatus.UNAUTHORIZED, f"HTTP {upload.status_code} of upload")
    return "401 of all three"


async def cors(run: Run) -> str:
    """A page of an allowed origin may call, one of another may not; each header comes once."""
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    urls = {run.stack.url, run.stack.stream_url, run.stack.upload_url}
    for url in urls:
        answer = await run.stack.http.options(f"{url}{ENDPOINT}", headers={"origin": FOREIGN_ORIGIN, **asked})
        allowed = answer.headers.get_list("access-control-allow-origin")
        expect(not allowed, f"{url} lets {allowed} in")
    if run.origin is None:
        return "a foreign page is refused (give ORIGIN= to check one of yours)"
    for url in urls:
        path = f"{ENDPOINT}/upload" if url == run.stack.upload_url else ENDPOINT
        preflight = await run.stack.http.options(f"{url}{path}", headers={"origin": run.origin, **asked})
        expect(preflight.is_success, f"preflight of {url}: HTTP {preflight.status_code}")
        answer = await run.stack.http.get(f"{url}/health", headers={"origin": run.origin})
        for each in (preflight, answer):
            allowed = each.headers.get_list("access-control-allow-origin", split_commas=True)
            expect(allowed == [run.origin], f"access-control-allow-origin of {url} is {allowed}")
    return f"{run.origin} is let in, once; a foreign page is refused"


async def empty_bodies(run: Run) -> str:
    """Answers without a body arrive, and end."""
    seen = []
    for url in dict.fromkeys((run.stack.url, run.stack.stream_url)):
        answer = await run.stack.http.head(f"{url}/health")
        expect(answer.content == b"", "HEAD was answered with a body")
        seen.append(f"HEAD {answer.status_code}")
    return ", ".join(seen)


async def raw_path(run: Run) -> str:
    """Paths arrive as they were sent: encoded characters reach their route, an unknown path is the function's 404."""
    for url in dict.fromkeys((run.stack.url, run.stack.stream_url)):
        answer = await run.stack.http.get(f"{url}/chatkit/%61pi/usage", headers=run.stack.credentials)
        expect(answer.status_code == HTTPStatus.OK, f"/chatkit/%61pi/usage at {url}: HTTP {answer.status_code}")
        answer = await run.stack.http.get(f"{url}/chatkit/no%2Fsuch%20p%C3%A4ge")
        expect(answer.status_code == HTTPStatus.NOT_FOUND, f"an unknown path at {url}: HTTP {answer.status_code}")
        expect(answer.json()["error"]["code"] == "not_found", f"an unknown path at {url}: {answer.text[:200]}")
    return "/chatkit/%61pi/usage is known; an unknown path is our own 404"


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


async def items(run: Run) -> str:
    """The thread holds what was said."""
    page = await run.stack.operate("items.list", thread_id=run.thread(), limit=100, order="asc")
    kinds = [item["type"] for item in page["data"]]
    expect(kinds.count("user_message") >= 2 and kinds.count("assistant_message") >= 2, f"the thread holds {kinds}")
    return f"{len(kinds)} items"


async def direct_upload(run: Run) -> str:
    """A file goes through the function `upload`, and can be read back."""
    answer = await run.stack.http.post(
        f"{run.stack.upload_url}{ENDPOINT}/upload",
        files={"file": ("smoke.txt", FILE, "text/plain")},
        headers=run.stack.credentials,
    )
    expect(answer.is_success, f"HTTP {answer.status_code}: {answer.text[:200]}")
    try:
        read = await run.stack.http.get(answer.json()["url"])
        expect(read.content == FILE, f"reading it back: HTTP {read.status_code}")
    finally:
        await run.stack.operate("attachments.delete", attachment_id=answer.json()["id"])
    gone = await run.stack.http.get(answer.json()["url"])
    expect(gone.status_code == HTTPStatus.NOT_FOUND, f"it is still there: HTTP {gone.status_code}")
    return "written, read, deleted"


async def two_phase_upload(run: Run) -> str:
    """A file goes straight to the bucket, once."""
    made = await run.stack.operate("attachments.create", name="smoke.txt", mime_type="text/plain", size=len(FILE))
    target = made["upload_descriptor"]
    try:
        put = await run.stack.http.request(target["method"], target["url"], content=FILE, headers=target["headers"])
        expect(put.is_success, f"HTTP {put.status_code}: {put.text[:200]}")
        again = await run.stack.http.request(target["method"], target["url"], content=FILE, headers=target["headers"])
        expect(again.status_code == HTTPStatus.PRECONDITION_FAILED, f"a second PUT: HTTP {again.status_code}")
    finally:
        await run.stack.operate("attachments.delete", attachment_id=made["id"])
    return "taken once, then 412"


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


async def someone_elses(run: Run) -> str:
    """An unknown thread, or another's, is 404 before a stream has begun."""
    try:
        await run.stack.say("hello", "thr_0193a0000000700080000000000000aa")
    except RefusedError as error:
        expect(error.status == HTTPStatus.NOT_FOUND, str(error))
        return "404"
    raise CheckError("it was answered")


async def deleting(run: Run) -> str:
    """Threads go when they are deleted. This also tidies up after the run."""
    if not run.threads:
        raise Skipped("there are no threads")
    for thread_id in sorted(run.threads):
        await run.stack.operate("threads.delete", thread_id=thread_id)
    try:
        await run.stack.operate("threads.get_by_id", thread_id=max(run.threads))
    except RefusedError as error:
        expect(error.status == HTTPStatus.NOT_FOUND, str(error))
        return f"{len(run.threads)} threads of this run are gone"
    raise CheckError("a deleted thread is still there")


CHECKS: tuple[tuple[str, Check], ...] = (
    ("health", health),
    ("no token", no_token),
    ("bad token", bad_token),
    ("CORS", cors),
    ("empty bodies", empty_bodies),
    ("raw path", raw_path),
    ("plain call", plain_call),
    ("first turn", first_turn),
    ("memory", second_turn),
    ("streaming", streaming),
    ("end of stream", end_of_stream),
    ("items", items),
    ("direct upload", direct_upload),
    ("two-phase upload", two_phase_upload),
    ("stop", cancelling),
    ("same request", joining),
    ("client leaves", leaving),
    ("model fails", failing),
    ("unknown thread", someone_elses),
    ("delete", deleting),
)
