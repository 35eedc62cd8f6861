"""`make dev` on a package whose parts fail: what its developer reads in the log and in the panel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from playwright.sync_api import expect

from local.panel import HEADER
from tests.support.browser import open_page
from tests.support.chat_page import TURN_MILLISECONDS, Chat
from tests.support.dev import DevServer
from tests.support.own_package import add_package, checkout_of_the_platform
from tests.support.provider_server import Answer, HttpError, ProviderServer, Text, ToolCall

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

KEY = "sk-canary-of-the-provider"
SHOP_TOKEN = "canary-of-the-shop-42"
QUESTION = "Where is the canary of the user, the heron of the garden?"
# The modules that a first turn needs: the SDKs' and the package's.
HEAVY = re.compile(r"import time:.*\| +(openai|agents|chatkit|faulty)(\.|$)")


@dataclass
class Dev:
    """A dev server on the package, with a provider that the tests script."""

    server: DevServer
    provider: ProviderServer
    package: Path

    def say(self, *replies: Any, user: str = "ann", text: str = QUESTION) -> list[dict[str, Any]]:
        """Send a message to `stream`, and return the events."""
        self.provider.reset()
        self.provider.script(*replies)
        content = {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}
        return self.operate("threads.create", user, input=content)

    def operate(self, kind: str, user: str = "ann", /, **params: Any) -> list[dict[str, Any]]:
        """Send a streaming operation."""
        answer = self.post({"type": kind, "params": params}, user)
        return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]

    def post(self, body: Any, user: str = "ann") -> httpx2.Response:
        """Post to `stream`."""
        headers = {"authorization": f"Bearer {self.server.token(user)}"}
        return httpx2.post(self.server.stream_url, json=body, headers=headers, timeout=120)

    def logged(self, start: str) -> str:
        """Return the next line of the log that starts so, and the two lines of its place."""
        found = self.server.await_line(f".*{start}")
        place = found.partition("(")[2].partition(")")[0]
        return "\n".join([found, self.server.await_line(f"  {re.escape(place)}$"), self.server.await_line("    ")])

    def shown(self) -> list[dict[str, Any]]:
        """Return what the panel shows."""
        url = f"{self.server.page_url}panel/failures"
        shown: list[dict[str, Any]] = httpx2.post(url, json={}, headers={HEADER: "1"}).json()
        return shown


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    checkout = checkout_of_the_platform(tmp_path_factory.mktemp("faulty") / "checkout")
    package = add_package("faulty", checkout / "layers" / "agents")
    with ProviderServer() as provider:
        environment = {
            "AGENT_FACTORY": "faulty:build_agent",
            "LLM_PROVIDER": "compatible",
            "LLM_BASE_URL": provider.base_url,
            "LLM_API_KEY": KEY,
            "LLM_DEFAULT_MODEL": "small-model",
            "THREAD_TITLES": "false",
            "SHOP_TOKEN": SHOP_TOKEN,
            "PRELOAD": "init",
            "RELOAD": "true",
            "PYTHONPROFILEIMPORTTIME": "1",
        }
        server = DevServer(tmp_path_factory.mktemp("state"), environment, root=checkout)
        yield Dev(server, provider, package)
        if server.process.poll() is None:
            server.stop()


def called(name: str, **arguments: Any) -> tuple[Answer, Answer]:
    """Return a model's two answers: a call, and a text."""
    return Answer(ToolCall(name, arguments)), Answer(Text("Done."))


def test_the_first_turn_imports_nothing_of_the_sdks_and_the_package(dev: Dev) -> None:
    before = [line for line in dev.server.lines if HEAVY.match(line)]
    for module in ("openai", "agents", "chatkit.server", "faulty.desk", "faulty.tools"):
        assert any(line.endswith(module) for line in before), f"{module} is loaded before `ready`"
    began = len(dev.server.lines)
    events = dev.say(*called("no_such_tool"), Answer(Text("Done.")))
    assert not [event for event in events if event["type"] == "error"]
    dev.server.await_line('.*"message":"turn"')
    later = [line for line in dev.server.lines[began:] if HEAVY.match(line)]
    assert not later


IN_TOOLS = {
    "count": ("KeyError: 'canary of b'", "tools.py:{} in count", 'return str(copies[f"canary of {title}"])'),
    "find": ("RuntimeError: canary of a stock tool", "tools.py:{} in find", 'raise RuntimeError("canary of a stock'),
    "show": ("ValidationError: 2 validation errors for ", "cards.py:{} in card", "return DynamicWidgetRoot.model_vali"),
    "order": ("ModuleNotFoundError: No module named 'no_such_shop'", "tools.py:{} in order", "import no_such_shop"),
}


@pytest.mark.parametrize("tool", IN_TOOLS)
def test_a_failed_tool_shows_its_message_and_the_place_in_its_file(dev: Dev, tool: str) -> None:
    error, place, source = IN_TOOLS[tool]
    events = dev.say(*called(tool, **({"title": "b"} if tool == "count" else {})))
    assert not [event for event in events if event["type"] == "error"], "the model may answer"
    found = dev.logged(f"The tool {tool} failed")
    assert_at(dev, found, error, place, source)
    read = json.dumps(dev.provider.bodies[-1])
    assert ("import_failed" if tool == "order" else "internal_error") in read
    assert "No module named" not in read


def assert_at(dev: Dev, found: str, error: str, place: str, source: str) -> None:
    """Check a line of the log and the two below it against the package's file, and the panel's newest entry."""
    file = place.partition(":")[0]
    numbers = [at for at, line in enumerate((dev.package / file).read_text().splitlines(), 1) if source in line]
    where = f"layers/agents/faulty/{place.format(numbers[-1])}"
    title, below, line = found.splitlines()
    assert f"({where}): " in title
    assert error in title
    assert below.strip() == where
    assert source in line
    newest = dev.shown()[0]
    assert newest["place"] == where
    assert error in newest["error"]


def test_the_panel_shows_a_failure_with_its_place(dev: Dev, profile: BrowserContext) -> None:
    expect.set_options(timeout=TURN_MILLISECONDS)
    with open_page(profile) as page:
        chat = Chat(page, dev.server.origin).open()
        chat.button("Panel").click()
        dev.provider.reset()
        dev.provider.script(*called("find"))
        chat.send("Where is it?").finished()
        errors = page.locator("#panel > details").filter(has_text=re.compile(r"^Errors \(\d+\)"))
        errors.locator("summary").first.click()
        newest = errors.get_by_role("listitem").first
        expect(newest).to_contain_text("The tool find failed")
        expect(newest).to_contain_text("RuntimeError: canary of a stock tool")
        newest.locator("summary").click()
        expect(newest).to_contain_text(re.compile(r"layers/agents/faulty/tools.py:\d+ in find"))


def test_a_key_in_a_message_is_removed(dev: Dev) -> None:
    dev.say(*called("pay"))
    found = dev.logged("The tool pay failed")
    assert "PermissionError: the key [removed] and [removed] are refused" in found


def test_a_tool_that_ends_the_run_shows_its_own_error(dev: Dev) -> None:
    (error,) = [event for event in dev.say(*called("stop")) if event["type"] == "error"]
    assert error["code"] == "stream.error"
    found = dev.logged("turn .* failed")
    assert_at(dev, found, "RuntimeError: canary of a tool that ends", "tools.py:{} in stop", "canary of a tool that en")


def test_failed_instructions_show_their_place(dev: Dev) -> None:
    assert [event for event in dev.say(user="uninstructed") if event["type"] == "error"]
    found = dev.logged("turn .* failed")
    assert_at(dev, found, "ValueError: canary of the inst", "desk.py:{} in instructions", "raise ValueError(")


def test_failed_hooks_show_their_place(dev: Dev) -> None:
    dev.say(Answer(Text("Hello.")), user="late")
    found = dev.logged("on_turn_end of turn .* failed")
    assert_at(dev, found, "OSError: canary of a turn's end", "__init__.py:{} in on_turn_end", "raise OSError(")

    (thread,) = [
        event["thread"]["id"] for event in dev.say(Answer(Text("Hello."))) if event["type"] == "thread.created"
    ]
    where = {"thread_id": thread, "item_id": None, "action": {"type": "x", "payload": {}}}
    assert dev.operate("threads.custom_action", **where)[-1]["type"] == "error"
    found = dev.logged("turn .* failed")
    assert_at(dev, found, "KeyError: 'canary of an action'", "__init__.py:{} in handle_action", "raise KeyError(")

    assert dev.post({"type": "threads.sync_custom_action", "params": where}).status_code == 500
    found = dev.logged("A request failed")
    assert_at(dev, found, "LookupError: canary of a sync", "__init__.py:{} in handle_sync_action", "raise LookupError(")


def test_a_failed_import_in_a_hook_is_the_same_error_as_in_the_package(dev: Dev) -> None:
    answer = httpx2.get(f"{dev.server.stream_url}/entities", params={"query": "a"}, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "import_failed")
    found = dev.logged("A request failed at GET /chatkit/api/entities: an import failed")
    assert_at(dev, found, "ModuleNotFoundError: No mod", "__init__.py:{} in search_entities", "import no_such_search")


def test_a_refused_request_shows_the_providers_words_and_the_requests_settings(dev: Dev) -> None:
    words = f"This project is archived, and {KEY} is not a key. You said: {QUESTION}"
    assert [event for event in dev.say(*[HttpError(422, "invalid_value", words)] * 3) if event["type"] == "error"]
    line = dev.server.await_line(".*model call failed")
    for part in (
        "status=422 code=invalid_value",
        "This project is archived",
        "model=small-model",
        f"base_url={dev.provider.base_url}",
        "api=chat_completions",
        "temperature=0.25",
        "tools=12",
    ):
        assert part in line
    shown = next(each for each in dev.shown() if each["what"] == "model call failed")
    assert shown["details"]["request"]["temperature"] == 0.25
    for text in (KEY, "heron", "canary of a header"):
        assert text not in line
        assert text not in json.dumps(shown)


def test_a_refused_token_shows_its_reason(dev: Dev) -> None:
    httpx2.get(f"{dev.server.chat_url}/usage", headers={"authorization": "Bearer abc"}, timeout=60)
    dev.server.await_line(".*A token was refused: it is no JWT")


def test_a_broken_package_is_not_ready_until_its_file_is_corrected(dev: Dev) -> None:
    whole = (dev.package / "tools.py").read_text()
    place = f"layers/agents/faulty/tools.py:{len(whole.splitlines()) + 1}"
    (dev.package / "tools.py").write_text(whole + "stock = (\n")
    found = dev.logged("PRELOAD=init: what turns need cannot be loaded: an import failed")
    assert found.splitlines()[1:] == [f"  {place}", "    stock = ("]
    title = rf"\({place}\): SyntaxError: '\(' was never closed"
    dev.server.await_line(f"not ready, messages cannot be answered: an import failed {title}")
    dev.server.await_line("  The functions start again when a file changes")
    dev.server.await_line("  stream ")
    assert dev.post({"type": "threads.list", "params": {}}).status_code == 200, "reads work"
    (error,) = [event for event in dev.say() if event["type"] == "error"]
    assert not error["allow_retry"]
    dev.logged("turn .* failed: an import failed")
    answer = httpx2.post(dev.server.chat_url, json={"message": {"content": "hello"}}, timeout=120)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "import_failed")
    (dev.package / "tools.py").write_text(whole)
    dev.server.await_line("ready")
    dev.server.await_line("  stream ")
    assert not [event for event in dev.say(Answer(Text("Hello."))) if event["type"] == "error"]


def test_no_line_of_all_this_has_a_key_or_a_text_of_the_user(dev: Dev) -> None:
    for secret in (KEY, SHOP_TOKEN, "sk-canary-0123456789", "heron of the garden"):
        assert not [line for line in dev.server.lines if secret in line]
