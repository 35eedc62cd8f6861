"""Loading the agents' package that `AGENT_FACTORY` names."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import ConfigurationError
from assistant.hooks import agents_package


@pytest.mark.parametrize(
    ("source", "logged"),
    [
        ("import no_such_package", "No module named 'no_such_package'"),
        ("def (", "broken_agents.py, line 1"),
        ("", "has no attribute 'build_agent'"),
    ],
    ids=["an import that fails", "a syntax error", "no such function"],
)
def test_a_package_that_cannot_be_loaded_is_explained_in_the_log_but_not_to_the_user(
    source: str, logged: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"broken_agents_{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError) as raised:
        agents_package(f"{name}:build_agent")
    assert f"AGENT_FACTORY={name}:build_agent cannot be loaded" in caplog.text
    assert logged in caplog.text.replace(name, "broken_agents")
    assert raised.value.message == ConfigurationError.default_message
