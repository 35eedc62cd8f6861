"""A real headless Firefox for tests, driven by WebDriver BiDi: Playwright drives only a Firefox of its own making."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from websockets.sync.connection import Connection

# A start on a busy machine.
START_SECONDS = 60.0
WAIT_SECONDS = 30.0
POLL_SECONDS = 0.1
# Keys that have no character, as WebDriver names them.
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004"}
# Nothing that calls home, and nothing beyond this machine: whatever is not for it goes to a proxy that is not there.
PREFERENCES = """
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", 9);
user_pref("network.proxy.no_proxies_on", "127.0.0.1");
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
"""


def find_firefox() -> str:
    """Return the browser's path: `FIREFOX` in the environment, else the one on the path.

    Raises:
        pytest.skip.Exception: There is none, and how to get one.
    """
    for name in (os.environ.get("FIREFOX", ""), "firefox-esr", "firefox"):
        if name and (path := shutil.which(name)):
            return path
    pytest.skip("NO FIREFOX: install Debian's firefox-esr, or set FIREFOX to a browser's path")


class Firefox:
    """One tab.

    Attributes:
        errors: The errors that scripts of the page threw.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._number = 0
        self.errors: list[str] = []
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])
        [tab] = self.call("browsingContext.getTree")["contexts"]
        self._tab = tab["context"]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Run a command and return its result."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(WAIT_SECONDS))
            if message.get("method") == "log.entryAdded" and message["params"]["type"] == "javascript":
                self.errors.append(message["params"]["text"])
            if message.get("id") == self._number:
                assert message["type"] == "success", message
                result: dict[str, Any] = message["result"]
                return result

    def open(self, url: str) -> None:
        self.call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def resize(self, width: int, height: int) -> None:
        self.call("browsingContext.setViewport", context=self._tab, viewport={"width": width, "height": height})

    def run(self, script: str) -> None:
        """Run a script in the page, past the page's policy."""
        self.call("script.evaluate", expression=script, target={"context": self._tab}, awaitPromise=False)

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, which may await."""
        code = f"(async () => JSON.stringify(await ({expression})) ?? 'null')()"
        answer = self.call("script.evaluate", expression=code, target={"context": self._tab}, awaitPromise=True)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + WAIT_SECONDS
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"{expression} did not become true"
            time.sleep(POLL_SECONDS)

    def keys(self, *keys: str) -> None:
        """Press keys, each a character or a name in `KEYS`."""
        pressed = [KEYS.get(key, key) for key in keys]
        acts = [{"type": kind, "value": key} for key in pressed for kind in ("keyDown", "keyUp")]
        self.call("input.performActions", context=self._tab, actions=[{"type": "key", "id": "keys", "actions": acts}])


@contextmanager
def running_firefox(profile: Path) -> Iterator[Firefox]:
    """Start Firefox with a profile of its own, and stop it again."""
    from websockets.sync.client import connect

    path = find_firefox()
    (profile / "user.js").write_text(PREFERENCES)
    command = [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        address = ""
        end = time.monotonic() + START_SECONDS
        while not address:
            line = process.stderr.readline()
            assert line, "Firefox has ended"
            assert time.monotonic() < end, "Firefox does not say where it listens"
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", line):
                address = found[1]
        with connect(f"{address}/session", max_size=None, proxy=None) as connection:
            yield Firefox(connection)
    finally:
        process.terminate()
        process.wait(WAIT_SECONDS)
