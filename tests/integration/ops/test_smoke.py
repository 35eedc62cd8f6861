"""`make smoke` against the dev server: it passes on a good deployment, and fails on what it is there to find."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from local.settings import ROOT
from tests.support.dev import clean_environment

if TYPE_CHECKING:
    from tests.support.dev import DevServer


def _smoke(url: str, token: str, **options: str) -> subprocess.CompletedProcess[str]:
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    return subprocess.run(
        [sys.executable, "-m", "scripts.smoke", "--url", url, *flags],
        cwd=ROOT,
        env=clean_environment(SMOKE_TOKEN=token),
        capture_output=True,
        text=True,
        check=False,
    )


def _outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {line[6:24].strip(): line[:4].strip() for line in done.stdout.splitlines()[:-1]}


def test_all_checks_hold_on_the_dev_server_and_nothing_is_left_of_them(dev_server: DevServer) -> None:
    token = dev_server.token(user="smoke")
    done = _smoke(
        dev_server.page_url,
        token,
        stream_url=dev_server.stream_url,
        upload_url=dev_server.upload_url,
        origin=dev_server.origin,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = _outcomes(done)
    assert len(outcomes) == 20
    assert [name for name, outcome in outcomes.items() if outcome != "ok"] == ["no token"]
    assert "THIS DEPLOYMENT LETS GUESTS IN" in done.stdout
    assert token not in done.stdout + done.stderr

    import httpx2

    listed = httpx2.post(
        dev_server.chat_url,
        json={"type": "threads.list", "params": {}},
        headers={"authorization": f"Bearer {token}"},
    )
    assert listed.json()["data"] == []


def test_an_address_that_holds_the_answer_back_fails_the_check_for_it(dev_server: DevServer) -> None:
    # What is given as the streaming address is `chat`, which answers in one piece, as a buffering edge would.
    done = _smoke(dev_server.stream_url, dev_server.token(user="held"), stream_url=dev_server.chat_url)
    assert done.returncode == 1
    assert _outcomes(done)["streaming"] == "FAIL", done.stdout
    assert "held back on the way" in done.stdout


def test_a_token_that_has_expired_fails_all_that_needs_one_and_says_why(dev_server: DevServer) -> None:
    done = _smoke(dev_server.page_url, dev_server.token(lifetime=-120), stream_url=dev_server.stream_url)
    assert done.returncode == 1
    outcomes = _outcomes(done)
    assert outcomes["health"] == "ok"
    assert outcomes["first turn"] == "FAIL"
    assert "HTTP 401" in done.stdout
