"""The dev server: start, watch and stop the local AWS, the functions, the page and the sweep."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from local.children import Child
from local.emulator import Emulator, EmulatorError
from local.functions import CONFIGURATION_EXIT, PACKAGE_PATH
from local.own import add_agents, has_jobs, own_variables, package_of
from local.ports import listen
from local.settings import (
    ANY_HOST,
    DEFAULT_HOST,
    ENV_FILE,
    ROOT,
    DevSettings,
    DevSettingsError,
    load_dev_settings,
    read_environment,
)
from local.spans import open_socket, trace_environment
from local.stack import StackError, deploy, deploy_knowledge
from local.template import TEMPLATE
from local.tokens import KeySetServer

STACK_NAME = "chatkit-dev"
KNOWLEDGE_TABLE_NAME = f"{STACK_NAME}-knowledge"
# The default of the template and of the settings. A test compares them.
DIMENSIONS = 256
# A change in these folders restarts the functions.
WATCHED = [ROOT / "layers" / "agents", ROOT / "functions"]
WATCHED_SUFFIXES = {".py", ".json", ".yaml", ".toml"}
# Watch the folders of these files, because an editor may replace a file, or create it later.
WATCHED_FILES = {TEMPLATE, ENV_FILE}
POLL_SECONDS = 0.1
# The timeout of one request to a starting function. Its socket listens, and it answers when it is ready.
PATIENCE_SECONDS = 2.0
# A function that ends within this time after its start has a mistake in its code or settings.
BROKEN_SECONDS = 3.0
# How often the server checks whether `make` still runs.
PARENT_SECONDS = 0.5


class DevServerError(RuntimeError):
    """The dev server cannot start. The message says what to change."""


def _listen(host: str, port: int, variable: str) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        raise DevServerError(
            f"Port {port} on {host} cannot be used ({error.strerror}): set {variable} to another."
        ) from None


def _url(host: str, listener: socket.socket) -> str:
    # A browser cannot open the address 0.0.0.0.
    shown = DEFAULT_HOST if host == ANY_HOST else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS):
            return True
    except OSError:
        return False


def _broken(stream_url: str) -> str:
    """Return why `stream` cannot answer messages; empty if it can."""
    try:
        with urllib.request.urlopen(f"{stream_url}{PACKAGE_PATH}") as response:
            return str(response.read().decode())
    except OSError:
        # The process is being restarted, and another announcement follows.
        return ""


async def _announce(front_url: str, stream_url: str, environment: Mapping[str, str], *, reload: bool) -> None:
    """Print `ready` when every part answers, or why messages cannot be answered; then all addresses."""
    for url in (f"{front_url}/health", f"{front_url}/playground.json", f"{stream_url}/health"):
        while not await asyncio.to_thread(_answers, url):  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(POLL_SECONDS)
    # With `PRELOAD=turn` nothing is loaded yet.
    broken = await asyncio.to_thread(_broken, stream_url) if environment["PRELOAD"] == "init" else ""
    again = "The functions start again when a file changes." if reload else "Correct it, and start `make dev` again."
    print(
        f"not ready, {broken}\n  {again}" if broken else "ready",
        f"  playground  {front_url}/",
        f"  chat        {environment['CHAT_URL']}",
        f"  upload      {environment['UPLOAD_URL']}",
        f"  stream      {environment['STREAM_URL']}",
        f"  local AWS   {environment['AWS_ENDPOINT_URL']}",
        f"  table       {environment['TABLE_NAME']}",
        f"  bucket      {environment['BUCKET_NAME']}",
        sep="\n",
        flush=True,
    )


async def _keep_alive(child: Child, environment: Mapping[str, str]) -> None:
    """Restart a function that has died. If it cannot start at all, wait for the next change of the code."""
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        code = await child.wait()
        if code == CONFIGURATION_EXIT:
            print(f"{child.name} starts again when the code or {ENV_FILE.name} changes.", flush=True)
            return
        if loop.time() - started < BROKEN_SECONDS:
            print(f"{child.name} ended with exit code {code}; it starts again on the next change.", flush=True)
            return
        print(f"{child.name} ended with exit code {code}; starting it again ...", flush=True)
        await child.start(environment)


async def _start_when_asked(child: Child, listener: socket.socket, environment: Mapping[str, str]) -> None:
    """Start a function when the first request arrives at its socket, and keep it alive from then on."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listener, asked.set)
    try:
        await asked.wait()
    finally:
        loop.remove_reader(listener)
    await child.start(environment)
    await _keep_alive(child, environment)


def _is_code(_: object, path: str) -> bool:
    return Path(path).suffix in WATCHED_SUFFIXES


def _is_watched_file(_: object, path: str) -> bool:
    return Path(path) in WATCHED_FILES


async def _changes(wanted: bool) -> AsyncIterator[set[Path]]:
    """Yield the changed files, if reloading is on."""
    from watchfiles import awatch

    if not wanted:
        await asyncio.Event().wait()
    watches = [
        awatch(*WATCHED, watch_filter=_is_code),
        awatch(*{path.parent for path in WATCHED_FILES}, watch_filter=_is_watched_file, recursive=False),
    ]
    waiting = {asyncio.ensure_future(anext(watch)): watch for watch in watches}
    try:
        while True:
            for task in (await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED))[0]:
                watch = waiting.pop(task)
                yield {Path(path) for _, path in task.result()}
                waiting[asyncio.ensure_future(anext(watch))] = watch
    finally:
        for task in waiting:
            task.cancel()


async def _next(changes: AsyncIterator[set[Path]]) -> set[Path]:
    return await anext(changes)


def _knowledge(endpoint_url: str, asked: Mapping[str, str], ingest_url: str) -> dict[str, str]:
    """Make the table of passages, if there is knowledge. Return the variables that lead to it and to `ingest`."""
    # The child `ingest` takes events as AWS Lambda does, also those of `job`.
    variables = {"AWS_ENDPOINT_URL_LAMBDA": ingest_url}
    if not asked.get("KNOWLEDGE"):
        return variables
    variables["INGEST_FUNCTION"] = "ingest"
    if asked["KNOWLEDGE"] != "dynamodb":
        return variables
    deploy_knowledge(endpoint_url, KNOWLEDGE_TABLE_NAME, int(asked.get("EMBEDDING_DIMENSIONS") or DIMENSIONS))
    return {**variables, "KNOWLEDGE_TABLE_NAME": KNOWLEDGE_TABLE_NAME}


class DevServer:
    """Everything that `make dev` runs."""

    def __init__(self, settings: DevSettings, parent: int | None = None) -> None:
        """Prepare the server.

        Args:
            settings: Its ports and folders.
            parent: The process to stop with, when that is killed and can pass on no signal.
        """
        self._settings = settings
        self._parent = parent
        self._stopped = asyncio.Event()

    async def run(self) -> int:
        """Run until Ctrl-C or SIGTERM.

        Returns:
            The exit code: 0, or 1 when the local AWS ended by itself.

        Raises:
            DevServerError: it cannot start.
        """
        settings = self._settings
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopped.set)
        with contextlib.ExitStack() as stack:
            front = stack.enter_context(_listen(settings.host, settings.port, "PORT"))
            stream = stack.enter_context(_listen(settings.host, settings.stream_port, "STREAM_PORT"))
            spans = stack.enter_context(open_socket())
            ingest = stack.enter_context(_listen(DEFAULT_HOST, 0, "PORT"))
            print("Starting the local AWS (ministack) ...", flush=True)
            try:
                emulator = await asyncio.to_thread(Emulator, settings.state, port=settings.aws_port, persist=True)
            except EmulatorError as error:
                raise DevServerError(
                    f"The local AWS did not start: {error}\n(AWS_PORT is its port, STATE_DIR its folder)"
                ) from error
            stack.callback(emulator.stop)
            keys = KeySetServer(settings.keys)
            stack.callback(keys.stop)
            return await self._supervise(emulator, keys, front, stream, spans, ingest)

    async def _supervise(
        self,
        emulator: Emulator,
        keys: KeySetServer,
        front: socket.socket,
        stream: socket.socket,
        spans: socket.socket,
        ingest: socket.socket,
    ) -> int:
        """Start the functions, and restart them after each change, until the server stops."""
        front_url, stream_url = _url(self._settings.host, front), _url(self._settings.host, stream)
        ingest_url = _url(DEFAULT_HOST, ingest)
        every = [Child("chat", front, spans), Child("stream", stream), Child("sweep"), Child("ingest", ingest)]
        stopped = asyncio.create_task(self._stopped.wait())
        orphaned = asyncio.create_task(self._watch_parent())
        crashed = asyncio.create_task(asyncio.to_thread(emulator.process.wait))
        changes = _changes(self._settings.reload)
        changed = asyncio.create_task(_next(changes))
        try:
            while True:
                environment = await self._prepare(emulator, keys, front_url, stream_url, ingest_url)
                # Without knowledge, nobody sends events before the first job.
                children = every if environment.get("KNOWLEDGE") else every[:3]
                print("Starting the functions ...", flush=True)
                for child in children:
                    await child.start(environment | trace_environment(child.name, spans))
                reports = [
                    asyncio.create_task(_keep_alive(child, environment | trace_environment(child.name, spans)))
                    for child in children
                ]
                if every[3] not in children:
                    asked = environment | trace_environment(every[3].name, spans)
                    reports.append(asyncio.create_task(_start_when_asked(every[3], ingest, asked)))
                reports.append(
                    asyncio.create_task(_announce(front_url, stream_url, environment, reload=self._settings.reload))
                )
                await asyncio.wait({stopped, crashed, changed}, return_when=asyncio.FIRST_COMPLETED)
                for report in reports:
                    report.cancel()
                await asyncio.gather(*(child.stop() for child in every))
                if stopped.done():
                    print("Stopping ...", flush=True)
                    return 0
                if crashed.done():
                    print(f"The local AWS ended with exit code {crashed.result()}: see {emulator.log}", flush=True)
                    return 1
                print(f"Changed: {', '.join(sorted(path.name for path in changed.result()))}", flush=True)
                changed = asyncio.create_task(_next(changes))
        finally:
            changed.cancel()
            orphaned.cancel()
            await asyncio.gather(*(child.stop() for child in every))

    async def _watch_parent(self) -> None:
        while self._parent is not None:
            if os.getppid() != self._parent:
                self._stopped.set()
            await asyncio.sleep(PARENT_SECONDS)

    async def _prepare(
        self, emulator: Emulator, keys: KeySetServer, front_url: str, stream_url: str, ingest_url: str
    ) -> dict[str, str]:
        """Update the tables and the bucket, and return the environment of the functions."""
        # Read each time, so that a change of `.env` takes effect.
        asked = load_dev_settings(read_environment()).functions
        # The page may be opened by address or by name.
        origins = [front_url, front_url.replace("//127.0.0.1:", "//localhost:")]
        origins += [origin.strip() for origin in asked.get("ALLOWED_ORIGINS", "").split(",") if origin.strip()]
        made = await asyncio.to_thread(deploy, emulator.endpoint_url, STACK_NAME, origins)
        knowledge = await asyncio.to_thread(_knowledge, emulator.endpoint_url, asked, ingest_url)
        own = await asyncio.to_thread(own_variables, package_of(asked), emulator.endpoint_url, STACK_NAME, asked)
        defaults = {
            "AUTH_MODE": "guest",
            # The page has a box for the search, and a user with this role.
            "HISTORY_SEARCH": "true",
            "ADMIN_ROLES": "admin",
            **own,
            **({"JOB_FUNCTION": "job"} if has_jobs(asked.get("AGENT_FACTORY") or own.get("AGENT_FACTORY", "")) else {}),
            # The SDKs load before `ready` is printed, so that the first message is as quick as the second.
            "PRELOAD": "init",
            "POWERTOOLS_SERVICE_NAME": "chatkit",
            "POWERTOOLS_METRICS_NAMESPACE": "ChatKit",
            # Metrics are log lines for CloudWatch, which does not exist here.
            "POWERTOOLS_METRICS_DISABLED": "true",
        }
        issuer = {} if asked.get("AUTH_ISSUER") else keys.environment()
        return {
            **defaults,
            # An empty value says nothing, so that a line of `.env` may be left empty.
            **{name: value for name, value in asked.items() if value or name not in own},
            **issuer,
            **emulator.environment(),
            **knowledge,
            "TABLE_NAME": made.table_name,
            "BUCKET_NAME": made.bucket_name,
            "ALLOWED_ORIGINS": ",".join(origins),
            "CHAT_URL": f"{front_url}/chatkit/api",
            "STREAM_URL": f"{stream_url}/chatkit/api",
            "UPLOAD_URL": f"{front_url}/chatkit/api/upload",
        }


def main() -> int:
    """Run the dev server and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parent", type=int, help="the id of the process to stop with, even if it is killed")
    arguments = parser.parse_args()
    add_agents()
    from declaration import DeclarationError

    try:
        settings = load_dev_settings(read_environment())
        return asyncio.run(DevServer(settings, arguments.parent).run())
    except (DeclarationError, DevServerError, DevSettingsError, StackError) as error:
        print(error, file=sys.stderr)
        return 1
