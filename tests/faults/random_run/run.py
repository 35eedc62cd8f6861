"""One random run: users on pages, processes over one table, harms; then what was shown against what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from assistant.budgets import LEASE_SECONDS
from local.tokens import KeySetServer, issue_token
from tests.faults.random_run import agent
from tests.faults.random_run.fleet import Server, process_environment, sweep
from tests.faults.random_run.harms import USUAL, Harms
from tests.faults.random_run.judge import Judge, Violation
from tests.faults.random_run.ledger import Ledger
from tests.faults.random_run.network import Link
from tests.faults.random_run.page import MOST_THREADS, Page, User
from tests.faults.random_run.truth import Truth, read_truth
from tests.faults.timing import LEASE_SECONDS as QUICK_LEASE_SECONDS
from tests.support.aws import Aws

TENANT = "acme"
# What a page has begun is waited for this long.
FINISH_SECONDS = 60.0
# A message at the very end is answered within this time.
ANSWER_SECONDS = 40.0
# The first answer of a process on a busy machine may take longer than a short lease.
READY_ATTEMPTS = 5
# Threads that get such a message side by side.
SIDE_BY_SIDE = 4
# Violations whose log is printed.
SHOWN_VIOLATIONS = 12


@dataclass(frozen=True)
class Plan:
    """How a run is made.

    Attributes:
        seed: Decides what happens.
        seconds: How long operations and harms go on.
        users: How many users.
        pages: How many pages each has.
        streams: How many processes of `stream`; one of `chat` is beside them.
        quick: Whether the turns' intervals are shorter.
        harms: The kinds of harm that are done.
    """

    seed: int
    seconds: float
    users: int = 2
    pages: int = 2
    streams: int = 2
    quick: bool = True
    harms: tuple[str, ...] = tuple(USUAL)

    @property
    def lease(self) -> float:
        """How long a turn's lease is."""
        return QUICK_LEASE_SECONDS if self.quick else LEASE_SECONDS

    def chance(self, whose: str) -> random.Random:
        """Return the dice of one part of the run."""
        return random.Random(f"{self.seed}/{whose}")  # noqa: S311 - to be replayed, no secret

    def __str__(self) -> str:
        more = "" if self.quick else " --real-time"
        more += "" if self.harms == tuple(USUAL) else f" --harms {','.join(self.harms)}"
        return (
            f"python -m tests.faults.random_run --seed {self.seed} --seconds {self.seconds:g} --users {self.users} "
            f"--pages {self.pages} --streams {self.streams}{more}"
        )


@dataclass
class Report:
    """What came of a run.

    Attributes:
        plan: Its plan.
        ledger: What the clients noted.
        violations: What was wrong.
        folder: Where the logs are.
    """

    plan: Plan
    ledger: Ledger
    violations: list[Violation]
    folder: Path

    def __str__(self) -> str:
        operations = self.ledger.operations
        messages = sum(each.tag is not None for each in operations)
        lines = [
            f"{self.plan}",
            f"{len(operations)} operations, {messages} messages, {len(self.ledger.happened)} harms and troubles, "
            f"{len(self.violations)} violations; the whole log is {self.folder / 'operations.log'}",
        ]
        for violation in self.violations[:SHOWN_VIOLATIONS]:
            lines += ["", f"VIOLATION {violation}"]
        if self.violations:
            about = {word for violation in self.violations[:SHOWN_VIOLATIONS] for word in violation.about}
            lines += ["", "The operations on these threads:", self.ledger.log(about)]
        return "\n".join(lines)


@dataclass
class _Stage:
    plan: Plan
    aws: Aws
    folder: Path
    ledger: Ledger = field(default_factory=Ledger)
    servers: list[Server] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def _stage(plan: Plan, aws: Aws, folder: Path) -> AsyncIterator[_Stage]:
    stage = _Stage(plan, aws, folder)
    async with AsyncExitStack() as stack:
        keys = KeySetServer(folder)
        stack.callback(keys.stop)
        stage.environment = process_environment(
            {
                **aws.environment(LLM_PROVIDER="demo", AGENT_FACTORY=agent.FACTORY, AUTH_MODE="jwt"),
                **keys.environment(),
                "ON_BUSY": plan.chance("settings").choice(("interrupt", "interrupt", "reject")),
                "POWERTOOLS_SERVICE_NAME": "chatkit",
                "POWERTOOLS_METRICS_NAMESPACE": "ChatKit",
                "POWERTOOLS_METRICS_DISABLED": "true",
            }
        )
        upstream = int(aws.endpoint_url.rpartition(":")[2])
        for name in [*(f"stream{number}" for number in range(1, plan.streams + 1)), "chat"]:
            link = Link(name, upstream, plan.chance(f"link/{name}"), stage.ledger.note)
            await link.start()
            stack.push_async_callback(link.stop)
            environment = stage.environment
            if name == "chat":
                environment |= dict.fromkeys(("CHAT_URL", "STREAM_URL", "UPLOAD_URL"), "http://127.0.0.1/")
            server = Server(name, name.rstrip("0123456789"), link, environment, folder, plan.quick)
            stack.callback(server.close)
            server.start()
            stage.servers.append(server)
        for number in range(1, plan.users + 1):
            name = f"user{number}s{plan.seed}"
            token = stage.tokens[name] = issue_token(folder, user=name, tenant=TENANT, role="user")
            user = User(name, token, plan.chance(name).choice(MOST_THREADS))
            for letter in "abcdefgh"[: plan.pages]:
                page = Page(f"{number}{letter}", user, stage.servers, stage.ledger, plan.chance(f"{number}{letter}"))
                stack.push_async_callback(page.close)
                stage.pages.append(page)
        yield stage


async def run(plan: Plan, aws: Aws, folder: Path) -> Report:
    """Make a run.

    Args:
        plan: Of it.
        aws: A table and a bucket of its own.
        folder: For its logs.
    """
    async with _stage(plan, aws, folder) as stage:
        await _ready(stage)
        await _rage(stage)
        truth = await _settled(stage)
        violations = Judge(stage.ledger, truth).violations()
        violations += await _stuck(stage, truth)
        for server in stage.servers:
            violations += [
                Violation("no process ends by itself", f"{server.name}: {server.last_words()}")
                for _ in range(not server.up)
            ]
    (folder / "operations.log").write_text(stage.ledger.log())
    return Report(plan, stage.ledger, violations, folder)


async def _ready(stage: _Stage) -> None:
    """Have each process answer once: the first answer loads the SDKs."""
    token = issue_token(stage.folder, user="first", tenant=TENANT, role="user")
    urls = [server.url for server in stage.servers if server.function == "stream"]
    for _ in range(READY_ATTEMPTS):
        said = await asyncio.gather(*(_answer(url, token, None) for url in urls))
        if not any(said):
            return
    raise AssertionError(said)


async def _rage(stage: _Stage) -> None:
    """Let pages and harms go on for the run's time, and then the pages finish what they have begun."""
    plan = stage.plan
    pause = plan.lease * 1.2
    harms = Harms(stage.servers, stage.ledger, plan.chance("harms"), wanted=plan.harms, lease=plan.lease, pause=pause)
    lives = [asyncio.create_task(page.live()) for page in stage.pages]
    raging = asyncio.create_task(harms.rage()) if plan.harms else None
    try:
        await asyncio.wait(lives, timeout=plan.seconds, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        if raging is not None:
            raging.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await raging
        await harms.heal()
    for page in stage.pages:
        page.ended = True
    stage.ledger.note("all is well from now on")
    _, late = await asyncio.wait(lives, timeout=FINISH_SECONDS)
    for task in late:
        task.cancel()
    for result in await asyncio.gather(*lives, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


async def _settled(stage: _Stage) -> Truth:
    """Let all leases run out, look at each thread, sweep, and read what there is."""
    await asyncio.sleep(stage.plan.lease + 1.0)
    url = next(server.url for server in stage.servers if server.function == "stream")
    known = {(each.user, each.thread_id) for each in stage.ledger.operations if each.thread_id is not None}
    async with httpx2.AsyncClient(base_url=url, timeout=60.0) as http:
        for user, thread_id in sorted(known):
            body = {"type": "threads.get_by_id", "params": {"thread_id": thread_id}}
            await http.post("/chatkit/api", json=body, headers={"authorization": f"Bearer {stage.tokens[user]}"})
    await sweep(stage.environment, stage.folder)
    return await read_truth(stage.aws, url, stage.tokens)


async def _stuck(stage: _Stage, truth: Truth) -> list[Violation]:
    """Say something in each thread that is left, and return those that do not answer."""
    limit = asyncio.Semaphore(SIDE_BY_SIDE)
    urls = [server.url for server in stage.servers if server.function == "stream"]

    async def say(index: int, thread_id: str, user: str) -> Violation | None:
        async with limit:
            answer = await _answer(urls[index % len(urls)], stage.tokens[user], thread_id)
        return None if answer is None else Violation("no thread is stuck", f"{thread_id}: {answer}", (thread_id,))

    said = [say(index, thread_id, stored.user) for index, (thread_id, stored) in enumerate(truth.threads.items())]
    return [each for each in await asyncio.gather(*said) if each is not None]


async def _answer(url: str, token: str, thread_id: str | None) -> str | None:
    """Say something, in a new thread if none is given; return what came instead of an answer, None where one came."""
    content = [{"type": "input_text", "text": "!say still here"}]
    params: dict[str, object] = {"input": {"content": content, "attachments": [], "inference_options": {}}}
    body = {"type": "threads.create", "params": params}
    if thread_id is not None:
        body = {"type": "threads.add_user_message", "params": params | {"thread_id": thread_id}}
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS) as http:
        try:
            headers = {"authorization": f"Bearer {token}", "idempotency-key": uuid.uuid4().hex}
            response = await http.post(f"{url}/chatkit/api", json=body, headers=headers)
        except httpx2.HTTPError as error:
            return repr(error)
    well = response.status_code == 200 and "still here" in response.text and '"type":"error"' not in response.text
    return None if well else f"{response.status_code} {response.text[-400:]}"
