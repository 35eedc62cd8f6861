"""A package that declares a library, an AWS service, variables, a table and a right, in the running system."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from local.functions import CONFIGURATION_EXIT
from local.stack import client
from tests.support.dev import DevServer, clean_environment
from tests.support.own_package import checkout_with_bookmill

KEY = "sk-of-the-shop"
ORDER = '!tool order {"books": ["b", "a"]}'


def say(url: str, text: str) -> str:
    answer = httpx2.post(url, json={"message": {"content": text}}, timeout=120)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["content"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout_with_bookmill(tmp_path_factory.mktemp("shop") / "checkout")


@pytest.fixture(scope="module")
def server(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    # Empty: the package that the checkout chooses.
    made = DevServer(
        tmp_path_factory.mktemp("state"), {"BOOKMILL_KEY": KEY, "BOOKMILL_MOST": "2", "AGENT_FACTORY": ""}, root=shop
    )
    yield made
    if made.process.poll() is None:
        made.stop()


def _scanned(endpoint_url: str, start: str) -> list[Any]:
    dynamodb = client("dynamodb", endpoint_url)
    [table] = [name for name in dynamodb.list_tables()["TableNames"] if start in name]
    return [row["id"]["S"] for row in dynamodb.scan(TableName=table)["Items"]]


def test_make_dev_runs_the_chosen_package_with_its_library_variables_table_and_queue(server: DevServer) -> None:
    assert say(server.chat_url, ORDER) == f"order answered: ordered a,b with a key of {len(KEY)} characters"
    assert _scanned(server.aws_endpoint_url, "bookmill") == ["a,b"]
    assert say(server.chat_url, '!tool order {"books": ["a", "b", "c"]}') == "order answered: at most 2"
    shown = httpx2.get(f"{server.page_url}playground.json").json()
    assert [tool["id"] for tool in shown["composer"]["tools"]] == ["order"]


def test_make_dev_has_no_aws_service_that_the_package_does_not_declare(server: DevServer) -> None:
    assert "internal_error" in say(server.chat_url, "!tool announce {}")
    told = server.await_line(".*UnknownServiceError: The layer does not have the AWS service 'sns'")
    assert "Name it in aws_services of your package's pyproject.toml" in told
    assert KEY not in "\n".join(server.lines)


def test_a_function_of_make_dev_says_which_variable_is_missing(shop: Path) -> None:
    # The process ends with its standard input.
    reading, writing = os.pipe()
    done = subprocess.run(
        [sys.executable, "-m", "local.functions", "chat"],
        cwd=shop,
        env=clean_environment(AUTH_MODE="guest", AGENT_FACTORY="bookmill:build_agent"),
        stdin=reading,
        capture_output=True,
        text=True,
    )
    os.close(writing)
    assert done.returncode == CONFIGURATION_EXIT
    assert done.stderr == "chat cannot start: BOOKMILL_KEY is not set. The key of the shop's API.\n"
