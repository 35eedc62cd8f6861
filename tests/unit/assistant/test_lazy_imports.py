"""Lazy imports: what a turn does not use is not loaded, and everything behaves as if it were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from assistant.lazy_places import PLACES

# A module of each part that a turn loads only with the finder switched off.
DELAYED = [
    "agents.sandbox",
    "chatkit.widgets",
    "mcp",
    "mcp_types",
    "fastapi.openapi.models",
    "jinja2",
    "pydantic.v1.main",
    "openai.lib.streaming.responses._events",
    "openai.types.eval_create_params",
]
SERVER = (
    "import assistant.turns, assistant.agent.server, assistant.models.chat_streams, assistant.models.response_streams\n"
    "from assistant.api import create_app\n"
)


def run(code: str, *, lazy: bool = True) -> Any:
    """Run a program in a new process, and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys, assistant\n{code}"],
        env={"PYTHONPATH": "layers/agents", "PATH": os.environ["PATH"], "LAZY_IMPORTS": str(lazy).lower()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_turn_loads_none_of_what_is_delayed() -> None:
    code = f"{SERVER}print(json.dumps([name for name in {DELAYED} if name in sys.modules]))"
    assert run(code) == []
    # If an SDK no longer imports one of them, its place in the table can go.
    assert set(run(code, lazy=False)) == set(DELAYED)


def test_each_place_still_imports_what_the_table_says() -> None:
    code = f"""{SERVER}
from importlib import import_module
from assistant.lazy_imports import _View
from assistant.lazy_places import PLACES
def stands_in(key, value, name):
    if type(value) is _View:
        return name in vars(value)["_seen"][1]
    # A module may import a name under another one.
    ours = getattr(value, "__module__", None) == "assistant.lazy_places"
    return ours and name in (key, value.__name__)
print(json.dumps([
    [place, name]
    for place, change in PLACES.items()
    for names in change.stand_ins.values()
    for name in names
    if not any(stands_in(key, value, name) for key, value in vars(import_module(place)).items())
]))"""
    assert run(code) == []


def test_each_package_of_types_still_consists_of_reexports() -> None:
    packages = [name for name, place in PLACES.items() if place.reexports]
    code = f"""import importlib
print(json.dumps([name for name in {packages} if not hasattr(importlib.import_module(name), "__getattr__")]))"""
    assert run(code) == []


@pytest.mark.parametrize("package", [name for name, place in PLACES.items() if place.reexports])
def test_a_package_of_types_has_the_same_names_as_without_the_finder(package: str) -> None:
    # Without it, submodules that were imported are attributes too. Their names are in lower case.
    code = f"""import {package} as package
names = [name for name in dir(package) if name[0].isupper()]
print(json.dumps({{name: f"{{getattr(package, name)!r}}" for name in sorted(names)}}))"""
    assert run(code) == run(code, lazy=False)


def test_an_unknown_name_of_a_package_of_types_is_an_error() -> None:
    code = """import openai.types
print(json.dumps([hasattr(openai.types, "NoSuchName"), hasattr(openai.types, "beta")]))"""
    assert run(code) == [False, False]


def test_the_real_modules_are_there_for_everybody_else() -> None:
    code = f"""{SERVER}
import agents.agent, agents.mcp, jinja2
from agents.mcp import MCPServerStreamableHttp, MCPUtil
class Own(MCPServerStreamableHttp): pass
made = MCPUtil.get_function_tools
print(json.dumps([
    MCPUtil.__module__, agents.agent.MCPUtil is MCPUtil, agents.agent.MCPUtil.get_function_tools == made,
    isinstance(MCPUtil(), agents.agent.MCPUtil), issubclass(MCPUtil, agents.agent.MCPUtil), jinja2.Template.__module__,
]))"""
    assert run(code) == ["agents.mcp.util", False, True, True, True, "jinja2.environment"]


def test_a_submodule_of_a_delayed_package_can_be_imported() -> None:
    code = f"""{SERVER}
import agents.mcp.server
print(json.dumps([agents.mcp.server.MCPServer.__name__, "mcp" in sys.modules]))"""
    assert run(code) == ["MCPServer", True]


def test_another_module_that_loads_meanwhile_gets_the_real_module() -> None:
    code = """
import types
from assistant.lazy_imports import _views
from assistant.lazy_places import PLACES
with _views("agents.agent", PLACES["agents.agent"]):
    from agents.mcp import MCPUtil
print(json.dumps([MCPUtil.__module__, sys.modules["agents.mcp"].MCPUtil is MCPUtil]))"""
    assert run(code) == ["agents.mcp.util", True]


def test_a_turn_without_servers_asks_for_no_tools_of_servers() -> None:
    code = f"""{SERVER}
import asyncio
from agents import Agent, RunContextWrapper
tools = asyncio.run(Agent(name="a").get_mcp_tools(RunContextWrapper(None)))
print(json.dumps([tools, "mcp" in sys.modules]))"""
    assert run(code) == [[], False]


def test_a_run_without_a_sandbox_uses_only_what_the_stand_in_has() -> None:
    code = f"""{SERVER}
import ast, inspect, pkgutil, agents
from importlib import import_module
from assistant.lazy_places import _SandboxRuntime
used = set()
for name in ("agents.run", "agents.run_internal.run_loop", "agents.result", "agents.run_internal.agent_runner_helpers"):
    for node in ast.walk(ast.parse(inspect.getsource(import_module(name)))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "sandbox_runtime":
            used.add(node.attr)
print(json.dumps([sorted(used - set(dir(_SandboxRuntime))), "prepare_agent" in used]))"""
    assert run(code) == [[], True]


@pytest.mark.parametrize("lazy", [True, False])
def test_an_agent_in_a_sandbox_gets_the_real_runtime(lazy: bool) -> None:
    code = f"""{SERVER}
import asyncio
from agents import Agent, RunConfig, Runner
from agents.run import SandboxRuntime
given = {{"starting_agent": Agent(name="a"), "run_state": None}}
plain = SandboxRuntime(run_config=RunConfig(), **given)
import agents
made = agents.sandbox.SandboxAgent(name="b", model="none")
def refusal(run):
    try:
        run()
    except Exception as error:
        return f"{{type(error).__name__}}: {{error}}"
prepare = lambda: asyncio.run(plain.prepare_agent(
    current_agent=made, current_input="Hi", context_wrapper=None, is_resumed_state=False
))
configured = SandboxRuntime(run_config=RunConfig(sandbox=agents.sandbox.SandboxRunConfig()), **given)
print(json.dumps([
    refusal(lambda: asyncio.run(Runner.run(made, "Hi"))),
    refusal(lambda: plain.assert_agent_supported(made)),
    refusal(prepare), plain.enabled, type(configured).__module__, configured.enabled,
]))"""
    refused = "UserError: SandboxAgent execution requires `RunConfig(sandbox=...)`"
    assert run(code, lazy=lazy) == [refused, refused, refused, False, "agents.sandbox.runtime", True]


def test_the_exporter_of_traces_makes_its_client_when_it_exports() -> None:
    code = """from agents.tracing import get_trace_provider
from agents.tracing.processors import default_exporter
get_trace_provider()
client = default_exporter()._client
print(json.dumps([vars(client).get("_made", 0) is None, client.timeout.connect, type(client.build_request("GET", "http://x")).__name__]))"""
    assert run(code) == [True, 5.0, "Request"]


def test_a_template_of_a_widget_is_drawn() -> None:
    code = """import chatkit.widgets as widgets
template = widgets._jinja_env.from_string("Hello {{ name }}")
try:
    template.render()
except Exception as error:
    failure = type(error).__name__
print(json.dumps([template.render(name="Ann"), failure]))"""
    assert run(code) == run(code, lazy=False) == ["Hello Ann", "UndefinedError"]


def test_a_widget_is_read_written_and_refused_as_without_the_finder() -> None:
    code = """from datetime import datetime
from chatkit.types import ThreadItemDoneEvent, WidgetItem, WidgetRootUpdated, WidgetComponentUpdated
from pydantic import TypeAdapter, ValidationError
from chatkit.types import ThreadItem
card = {"type": "Card", "size": "sm", "children": [{"type": "Text", "value": "Hi", "streaming": None}],
        "confirm": {"label": "Yes", "action": {"type": "go", "payload": {"n": 1}}}}
fields = {"id": "i", "thread_id": "t", "created_at": "2026-01-01T00:00:00Z", "type": "widget", "widget": card}
adapter = TypeAdapter(ThreadItem)
items = [adapter.validate_python(fields), adapter.validate_json(json.dumps(fields)), WidgetItem(**fields)]
shown = []
for item in items:
    event = ThreadItemDoneEvent(item=item)
    shown += [
        type(item.widget).__name__, event.model_dump_json(exclude_none=True, by_alias=True),
        item.model_dump(mode="json"), repr(item),
        WidgetRootUpdated(widget=item.widget).model_dump_json(exclude_none=True),
        WidgetComponentUpdated(component_id="c", component=item.widget.children[0]).model_dump_json(),
        adapter.validate_json(event.item.model_dump_json()) == item,
    ]
for wrong in ({"type": "Text", "value": "Hi"}, {"type": "Nothing"}, None, "Card", {"type": "Card", "size": 3}):
    for validate, given in (
        (adapter.validate_python, {**fields, "widget": wrong}),
        (adapter.validate_json, json.dumps({**fields, "widget": wrong})),
    ):
        try:
            shown.append(repr(validate(given)))
        except ValidationError as error:
            shown.append(error.errors(include_url=False, include_context=False, include_input=False))
shown.append(WidgetItem.model_json_schema()["properties"]["widget"])
print(json.dumps(shown, default=str))"""
    assert run(code) == run(code, lazy=False)


def test_fastapi_still_refuses_a_model_of_version_1() -> None:
    code = """import warnings
from fastapi import FastAPI
warnings.simplefilter("ignore")
from pydantic.v1 import BaseModel
class Old(BaseModel):
    name: str
app = FastAPI()
try:
    def route(old): return None
    route.__annotations__ = {"old": Old}
    app.post("/old")(route)
except Exception as error:
    print(json.dumps(type(error).__name__))"""
    assert run(code) == run(code, lazy=False)


def test_an_openapi_page_is_the_same() -> None:
    code = """from typing import Annotated
from fastapi import Body, FastAPI, Security
from fastapi.security import APIKeyHeader, HTTPBearer, OAuth2PasswordBearer
app = FastAPI()
@app.post("/items/{number}")
def item(
    number: int, body: Annotated[dict[str, int], Body(openapi_examples={"one": {"value": {"a": 1}}})],
    key=Security(APIKeyHeader(name="x-key")), bearer=Security(HTTPBearer()), token=Security(OAuth2PasswordBearer("t")),
) -> dict[str, int]:
    return body
print(json.dumps(app.openapi()))"""
    assert run(code) == run(code, lazy=False)


def test_a_module_of_the_table_has_its_usual_loader() -> None:
    code = """import inspect, agents.agent
print(json.dumps([type(agents.agent.__loader__).__name__, "class Agent" in inspect.getsource(agents.agent)]))"""
    assert run(code) == ["SourceFileLoader", True]


@pytest.mark.exhaustive
def test_the_suites_of_the_protocol_pass_without_it() -> None:
    suites = ["tests/integration/protocol", "tests/contract", "tests/golden"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not exhaustive", *suites],
        env=os.environ | {"LAZY_IMPORTS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
