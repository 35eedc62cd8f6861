"""The agents' package that `AGENT_FACTORY` names."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import ConfigurationError
from assistant.hooks import agents_package


@pytest.mark.parametrize(
    ("source", "told"),
    [("import no_such_package", "No module named 'no_such_package'"), ("def (", "broken_agents.py, line 1")],
    ids=["an import that fails", "a slip of the pen"],
)
def test_a_package_that_cannot_be_loaded_is_explained_in_the_log_and_not_to_the_caller(
    source: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken_agents.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError) as raised:
        agents_package("broken_agents:build_agent")
    assert told in caplog.text
    assert raised.value.message == "AGENT_FACTORY=broken_agents:build_agent cannot be loaded."
