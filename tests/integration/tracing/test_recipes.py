"""`docs/tracing.md`: a turn with exactly the variables of each recipe, to a local collector in the backend's place."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from assistant import otel
from tests.integration.tracing.conftest import OpenThread
from tests.support.collector import Collector
from tests.support.provider_server import Answer, ProviderServer, Text, ToolCall

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[3] / "docs" / "tracing.md"
RECIPE = re.compile(r"^### (?P<title>.+?)\n(?P<text>.*?)(?=^##|\Z)", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def recipes() -> dict[str, list[dict[str, str]]]:
    """Return the blocks of variables by recipe."""
    return {
        found["title"]: [
            dict(line.split("=", 1) for line in block.splitlines()) for block in BLOCK.findall(found["text"])
        ]
        for found in RECIPE.finditer(PAGE.read_text(encoding="utf-8"))
    }


RECIPES = recipes()


def here(variables: dict[str, str], collector: Collector) -> dict[str, str]:
    """Return a recipe's variables with the local collector's host."""
    endpoint = variables["OTEL_EXPORTER_OTLP_ENDPOINT"]
    return {**variables, "OTEL_EXPORTER_OTLP_ENDPOINT": f"{collector.url}{urlsplit(endpoint).path}"}


async def _turn(open_thread: OpenThread, provider: ProviderServer, **variables: str) -> str:
    provider.script(
        Answer(ToolCall("transfer_to_tasks", {})),
        Answer(ToolCall("add_task", {"title": "milk"})),
        Answer(Text("Done.")),
    )
    thread = open_thread(**variables)
    await thread.say("Note milk.")
    await otel.flush(60)
    assert thread.thread_id is not None
    return thread.thread_id


def test_the_page_has_these_recipes() -> None:
    assert {name: len(blocks) for name, blocks in RECIPES.items()} == {
        "An OTLP collector": 1,
        "Langfuse": 1,
        "Phoenix": 1,
        "X-Ray, with the ADOT collector": 2,
    }


def test_the_page_names_every_variable_and_parameter() -> None:
    text = PAGE.read_text(encoding="utf-8")
    template = (PAGE.parents[1] / "template.yaml").read_text(encoding="utf-8")
    for variable, parameter in re.findall(r"^ +((?:OTEL|XRAY)_[A-Z_]+): !Ref (\w+)$", template, re.MULTILINE):
        assert f"`{variable.removesuffix('_SECRET')}`" in text, variable
        assert f"`{parameter}`" in text, parameter


async def test_an_otlp_collector(open_thread: OpenThread, provider: ProviderServer, collector: Collector) -> None:
    await _turn(open_thread, provider, **here(RECIPES["An OTLP collector"][0], collector))
    assert {(export.path, export.headers["content-encoding"]) for export in collector.exports} == {
        ("/v1/traces", "gzip")
    }
    resource = collector.spans[0].resource
    assert resource["service.name"] == "helpdesk"
    assert (resource["deployment.environment.name"], resource["service.version"]) == ("staging", "1.2.0")


async def test_langfuse(open_thread: OpenThread, provider: ProviderServer, collector: Collector) -> None:
    thread = await _turn(open_thread, provider, **here(RECIPES["Langfuse"][0], collector))
    [export] = collector.exports
    assert export.path == "/api/public/otel/v1/traces"
    scheme, _, key = export.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(key)) == ("Basic", b"pk-lf-1234567890:sk-lf-1234567890")
    assert export.headers["x-langfuse-ingestion-version"] == "4"
    assert export.headers["content-type"] == "application/x-protobuf"
    # What Langfuse filters by has to be on each span.
    agents = [span for span in collector.spans if span.name.startswith(("chat ", "execute_tool", "invoke_"))]
    assert {span.attributes["session.id"] for span in agents} == {thread}
    assert len({span.attributes["user.id"] for span in collector.spans}) == 1
    # What makes a generation with tokens and a price.
    for call in collector.named("chat "):
        assert {"gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"} <= set(
            call.attributes
        )


async def test_phoenix(open_thread: OpenThread, provider: ProviderServer, collector: Collector) -> None:
    await _turn(open_thread, provider, **here(RECIPES["Phoenix"][0], collector), LOG_CONTENT="true")
    [export] = collector.exports
    assert (export.path, export.headers["authorization"]) == ("/v1/traces", "Bearer your-phoenix-key")
    assert collector.spans[0].resource["openinference.project.name"] == "helpdesk"
    # The operations by which Phoenix tells a span's kind.
    kinds = {span.attributes.get("gen_ai.operation.name") for span in collector.spans}
    assert {"chat", "execute_tool", "invoke_agent"} <= kinds


async def test_xray_by_the_collector_beside_the_function(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    lambdas = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", lambdas)
    await _turn(open_thread, provider, **here(RECIPES["X-Ray, with the ADOT collector"][0], collector))
    assert {span.trace_id for span in collector.spans} == {"5759e988bd862e3fe1be46a994272793"}
    [root] = collector.named("invoke_workflow")
    assert (root.parent_id, root.kind) == ("53995c3f42cd8ad8", "server")
    # Lambda has decided not to record.
    before = len(collector.exports)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", lambdas[:-1] + "0")
    await _turn(open_thread, provider, **here(RECIPES["X-Ray, with the ADOT collector"][0], collector))
    assert len(collector.exports) == before


async def test_xrays_own_endpoint(open_thread: OpenThread, provider: ProviderServer, collector: Collector) -> None:
    variables = RECIPES["X-Ray, with the ADOT collector"][1]
    assert urlsplit(variables["OTEL_EXPORTER_OTLP_ENDPOINT"]).path == ""
    await _turn(open_thread, provider, **here(variables, collector))
    [export] = collector.exports
    assert (export.path, export.headers["authorization"]) == ("/v1/traces", "Bearer your-xray-api-key")
