"""The settings of OpenTelemetry: the standard variables, https://opentelemetry.io/docs/specs/otel/protocol/exporter/
and https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.

The SDK itself reads further variables of that standard, such as `OTEL_EXPORTER_OTLP_TIMEOUT` and `OTEL_BSP_*`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Literal, cast, get_args

from assistant.errors import ConfigurationError
from assistant.settings.environment import Environment, Secret

Sampler = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]
Compression = Literal["none", "gzip", "deflate"]


@dataclass(frozen=True)
class TracingSettings:
    """Where traces go, and which.

    Attributes:
        endpoint: The base URL of a collector. None: no traces.
        disabled: No traces in spite of an endpoint.
        headers: The headers of each export, such as `authorization=Basic …`.
        compression: How the body of an export is compressed.
        service_name: The service's name; None for the stack's.
        resource_attributes: Further attributes of the service, as `name=value,name=value`.
        sampler: Which traces are recorded.
        sampler_arg: The share of the traces that `traceidratio` records.
        xray_parent: Whether a turn is part of Lambda's own X-Ray trace, if its request names no parent.
    """

    endpoint: str | None = None
    disabled: bool = False
    headers: Secret = field(default_factory=Secret)
    compression: Compression = "none"
    service_name: str | None = None
    resource_attributes: str | None = None
    sampler: Sampler = "parentbased_always_on"
    sampler_arg: float = 1.0
    xray_parent: bool = False

    @property
    def on(self) -> bool:
        """Whether turns are traced."""
        return self.endpoint is not None and not self.disabled


def tracing_settings(read: Environment) -> TracingSettings:
    """Read the standard variables.

    Raises:
        ConfigurationError: A value is invalid, or there is an endpoint and no library.
    """
    read.choice("OTEL_EXPORTER_OTLP_PROTOCOL", ("http/protobuf",))
    share = read.number("OTEL_TRACES_SAMPLER_ARG", least=0)
    if share is not None and share > 1:
        raise ConfigurationError(f"OTEL_TRACES_SAMPLER_ARG must be a share from 0 to 1, not {share:g}.")
    made = TracingSettings(
        endpoint=read.text("OTEL_EXPORTER_OTLP_ENDPOINT"),
        disabled=read.flag("OTEL_SDK_DISABLED"),
        headers=read.secret("OTEL_EXPORTER_OTLP_HEADERS"),
        compression=cast(Compression, read.choice("OTEL_EXPORTER_OTLP_COMPRESSION", get_args(Compression)) or "none"),
        service_name=read.text("OTEL_SERVICE_NAME"),
        resource_attributes=read.text("OTEL_RESOURCE_ATTRIBUTES"),
        sampler=cast(Sampler, read.choice("OTEL_TRACES_SAMPLER", get_args(Sampler)) or "parentbased_always_on"),
        sampler_arg=1.0 if share is None else share,
        # Not by OTEL_PROPAGATORS: its value `xray` needs one more package, and without it FastAPI cannot be imported.
        xray_parent=read.flag("XRAY_PARENT"),
    )
    if made.on:
        _check(made)
    return made


def _check(settings: TracingSettings) -> None:
    if not (settings.endpoint or "").startswith(("http://", "https://")):
        raise ConfigurationError(
            "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as https://collector.example.com:4318."
        )
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        raise ConfigurationError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the layer has no OpenTelemetry SDK. Add opentelemetry-sdk and "
            "opentelemetry-exporter-otlp-proto-http to the dependencies in your package's pyproject.toml, run "
            "`make package` and build again, or remove OTEL_EXPORTER_OTLP_ENDPOINT."
        )
