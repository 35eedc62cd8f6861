"""The settings that the dev server passes to the functions."""

from __future__ import annotations

import pytest

from local.settings import ORIGIN, DevSettingsError, load_dev_settings
from local.template import load_template


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("STREAM_PORT", "65536"),
        ("RELOAD", "maybe"),
        ("ALLOWED_ORIGINS", "app.example.com"),
        ("ALLOWED_ORIGINS", "https://app.example.com/"),
        ("ALLOWED_ORIGINS", "https://app.example.com/chat"),
    ],
)
def test_an_invalid_setting_is_refused_and_named(name: str, value: str) -> None:
    with pytest.raises(DevSettingsError, match=f"{name} must be .*{value}"):
        load_dev_settings({name: value})


def test_the_code_is_watched_unless_it_is_not_wanted() -> None:
    assert [load_dev_settings({"RELOAD": value}).reload for value in ("", "on", "False", "0")] == [
        True,
        True,
        False,
        False,
    ]


def test_origins_are_what_a_browser_sends_here_and_in_a_deployment() -> None:
    assert load_template()["Parameters"]["AllowedOrigins"]["AllowedPattern"] == ORIGIN.pattern
    for origins in ("", "*", "http://localhost:5173", "https://app.example.com, http://[::1]:8080"):
        assert load_dev_settings({"ALLOWED_ORIGINS": origins})
