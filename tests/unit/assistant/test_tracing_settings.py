"""The standard variables of OpenTelemetry."""

from __future__ import annotations

import pytest

from assistant.errors import ConfigurationError
from assistant.settings import TracingSettings, load_settings
from assistant.settings import tracing as module

ENDPOINT = {"AUTH_MODE": "guest", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


def _load(**more: str) -> TracingSettings:
    return load_settings({**ENDPOINT, **more}).tracing


def test_traces_are_off_without_an_endpoint_and_with_a_disabled_sdk() -> None:
    assert not load_settings({"AUTH_MODE": "guest"}).tracing.on
    # The template sets variables that are empty.
    assert not _load(OTEL_EXPORTER_OTLP_ENDPOINT="").on
    assert not _load(OTEL_SDK_DISABLED="true").on
    assert _load(OTEL_TRACES_SAMPLER="", OTEL_TRACES_SAMPLER_ARG="", OTEL_SERVICE_NAME="").on


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_SDK_DISABLED", "perhaps"),
        ("XRAY_PARENT", "perhaps"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        _load(**{name: value})


def test_a_key_in_the_headers_is_never_shown() -> None:
    settings = _load(OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer canary")
    assert "canary" not in repr(settings)
    assert settings.headers.read() == "authorization=Bearer canary"


@pytest.mark.parametrize("missing", ["opentelemetry.sdk", "opentelemetry.exporter"])
def test_a_layer_without_the_libraries_says_how_to_build_one_with_them(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(ConfigurationError, match="opentelemetry-exporter-otlp-proto-http"):
        _load()
    assert not _load(OTEL_SDK_DISABLED="true").on
