"""OpenAI and Gemini as they are today: answers, memory, tools, tokens, and errors that say what is wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import httpx2

from local.settings import ROOT
from scripts.deployment import TIMEOUT_SECONDS, Deployment, Turn, base_url
from tests.live.conftest import Live
from tests.support.dev import DevServer, clean_environment

T = TypeVar("T")


def _with(server: DevServer, user: str, do: Callable[[Deployment], Awaitable[T]]) -> T:
    """Do something as a user of a dev server."""

    async def run() -> T:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
            chat, stream, upload = (base_url(url) for url in (server.chat_url, server.stream_url, server.upload_url))
            token = server.token(user=user, role="admin")
            return await do(Deployment(chat, stream, upload, token, "authorization", http))

    return asyncio.run(run())


def test_every_check_of_a_deployment_holds(live: Live) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "scripts.smoke"),
            *("--url", live.server.page_url, "--stream-url", live.server.stream_url),
            *("--origin", live.server.origin),
        ],
        cwd=ROOT,
        env=clean_environment(SMOKE_TOKEN=live.server.token(user="smoke")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_tools_are_called_and_later_turns_can_be_told_of_them(live: Live) -> None:
    async def talk(stack: Deployment) -> list[Turn]:
        added = await stack.say("Please add two tasks: 'feed the heron' and 'mend the boat'.")
        asked = await stack.say("Which tasks do I have? Name each in your answer.", added.thread_id)
        return [added, asked, await stack.say("Thank you. Which of them was about a bird?", added.thread_id)]

    turns = _with(live.server, "tools", talk)
    assert [turn.errors for turn in turns] == [[], [], []]
    assert "heron" in turns[2].text.lower()

    async def usage(stack: Deployment) -> dict[str, int]:
        answer = await stack.http.get(f"{stack.url}/chatkit/api/usage", headers=stack.credentials)
        counted: dict[str, int] = answer.json()
        return counted

    counted = _with(live.server, "tools", usage)
    assert counted["turns"] == 3
    assert counted["tokens"] > 100

    async def tasks(stack: Deployment) -> str:
        listed = await stack.say("list my tasks")
        return str([event["item"] for event in listed.events if event["type"] == "thread.item.done"])

    stored = _with(live.server, "tools", tasks)
    assert "heron" in stored
    assert "boat" in stored


def test_messages_of_all_turns_are_kept_apart(live: Live) -> None:
    async def talk(stack: Deployment) -> list[str]:
        first = await stack.say("Say the word 'alpha' and nothing else.")
        await stack.say("Say the word 'beta' and nothing else.", first.thread_id)
        page = await stack.operate("items.list", thread_id=first.thread_id, limit=50, order="asc")
        said = [item for item in page["data"] if item["type"] == "assistant_message"]
        assert len({item["id"] for item in said}) == len(said)
        return ["".join(part["text"] for part in item["content"]).lower() for item in said]

    said = _with(live.server, "words", talk)
    assert "alpha" in said[0]
    assert "beta" in said[-1]


def test_a_wrong_key_and_an_unknown_model_are_named_as_what_they_are(live: Live, tmp_path: Path) -> None:
    model = live.key_variable.replace("API_KEY", "DEFAULT_MODEL")
    wrong = {"key": {live.key_variable: "sk-this-key-is-wrong"}, "model": {model: "no-such-model"}}
    for name, settings in wrong.items():
        server = DevServer(tmp_path / name, {**live.settings, **settings})
        try:
            turn = _with(server, "wrong", lambda stack: stack.say("Hello."))
            [error] = turn.errors
            assert ("cannot use its model" if name == "key" else "is not available") in error["message"]
            assert error["allow_retry"] is False
        finally:
            server.stop()
