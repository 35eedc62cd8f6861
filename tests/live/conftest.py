"""The whole system on real providers. Only `make live` runs these: they need keys, a network, and cost a few cents."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.settings import read_environment
from tests.support.dev import DevServer

# A key in somebody's environment must not make `make test` spend their money.
collect_ignore_glob = [] if os.environ.get("LIVE") == "1" else ["test_*.py"]

KEYS = {"openai": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY"}


@dataclass(frozen=True)
class Live:
    """A dev server whose turns a real provider answers, and what of the environment makes it so."""

    provider: str
    key_variable: str
    settings: dict[str, str]
    server: DevServer


@pytest.fixture(scope="session", params=sorted(KEYS))
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    provider, variable = request.param, KEYS[request.param]
    # The keys, models and addresses that the environment or `.env` names.
    own = {name: value for name, value in read_environment().items() if name.startswith(("OPENAI_", "GEMINI_"))}
    if not own.get(variable):
        pytest.skip(f"NOT TESTED ON {provider.upper()}: {variable} is set neither in the environment nor in .env")
    settings = {**own, "LLM_PROVIDER": provider}
    server = DevServer(tmp_path_factory.mktemp(provider), settings)
    yield Live(provider, variable, settings, server)
    server.stop()
