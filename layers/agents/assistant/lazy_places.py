"""The places in the SDKs whose imports `assistant.lazy_imports` delays, and their stand-ins.

Each gain is a share of the CPU of all imports of a turn, or of the first event, on Python 3.13 with openai 3.54,
openai-agents 0.24, openai-chatkit 1.6.5 and fastapi 0.165. A place that gains less than 2% is not worth its risk.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

from assistant.lazy_imports import Place


class _StandInType(type):
    """The class of a stand-in for a class. No object can be its instance while the real class is not loaded."""

    real: tuple[str, str]

    def _load(cls) -> Any:
        module, name = cls.real
        return getattr(importlib.import_module(module), name)

    def __getattr__(cls, name: str) -> Any:
        # `typing` and pydantic look for such attributes on every class of an annotation.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls._load(), name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._load()(*args, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return cls.real[0] in sys.modules and isinstance(instance, cls._load())

    def __subclasscheck__(cls, subclass: type) -> bool:
        return cls.real[0] in sys.modules and issubclass(subclass, cls._load())


def stand_in(module: str, name: str, **given: Any) -> Any:
    """Return a stand-in for a class, which loads the class when it is called or asked for an attribute.

    Args:
        module: The class's module.
        name: The class's name.
        given: Attributes that the stand-in has itself.
    """
    return _StandInType(name, (), {**given, "real": (module, name)})


def _stand_ins(module: str, *names: str) -> dict[str, dict[str, Any]]:
    """Return the stand-ins of several classes of a module, for a place."""
    return {module: {name: functools.partial(stand_in, module, name) for name in names}}


async def _tools_of_servers(servers: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
    """Stand in for `MCPUtil.get_all_function_tools`, which each turn calls, also without MCP servers."""
    if not servers:
        return []
    from agents.mcp import MCPUtil

    return await MCPUtil.get_all_function_tools(list(servers), *args, **kwargs)


_SANDBOX = "agents.sandbox.runtime"


class _SandboxRuntime:
    """Stand in for the `SandboxRuntime` of each run, also of the runs without a sandbox.

    A run needs the real one if its configuration or its stored state has a sandbox, or if an agent is a `SandboxAgent`.
    Such an agent exists only where something has loaded its module.
    """

    enabled = False
    current_session = None

    def __new__(cls, **given: Any) -> Any:
        config, state = given["run_config"], given["run_state"]
        stored = getattr(config, "sandbox", None) or getattr(state, "_sandbox", None)
        return cls._load()(**given) if stored or cls._is_loaded() else super().__new__(cls)

    def __init__(self, **given: Any) -> None:
        self._given = given

    @staticmethod
    def _is_loaded() -> bool:
        return "agents.sandbox.sandbox_agent" in sys.modules

    @staticmethod
    def _load() -> Any:
        return importlib.import_module(_SANDBOX).SandboxRuntime

    def assert_agent_supported(self, agent: Any) -> None:
        if self._is_loaded():
            self._load()(**self._given).assert_agent_supported(agent)

    async def prepare_agent(self, *, current_agent: Any, current_input: Any, **given: Any) -> Any:
        from agents.run_internal.agent_bindings import bind_public_agent

        self.assert_agent_supported(current_agent)
        return SimpleNamespace(bindings=bind_public_agent(current_agent), input=current_input)

    def apply_result_metadata(self, result: Any) -> None:
        result._sandbox_session = None

    async def enqueue_memory_result(self, *args: Any, **kwargs: Any) -> None:
        return None

    enqueue_memory_payload = enqueue_memory_result

    async def cleanup(self) -> None:
        return None


class _Environment:
    """Stand in for an instance of `jinja2.Environment` until the first template."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._made: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            import jinja2

            options = {name: v._load() if isinstance(v, _StandInType) else v for name, v in self._options.items()}
            self._made = jinja2.Environment(**options)  # noqa: S701 - the options are the SDK's, for JSON and no page
        return getattr(self._made, name)


class _BuiltOnUse:
    """Stand in for an instance, which is made on first use. A subclass names its class."""

    real: tuple[str, str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._given = args, kwargs
        self._made: Any = None

    def __class_getitem__(cls, _: Any) -> type[_BuiltOnUse]:
        return cls

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            module, class_name = self.real
            args, kwargs = self._given
            self._made = getattr(importlib.import_module(module), class_name)(*args, **kwargs)
        return getattr(self._made, name)


class _Adapter(_BuiltOnUse):
    real = ("pydantic", "TypeAdapter")


class _Client(_BuiltOnUse):
    real = ("httpx2", "Client")


def _field_type(module: str, name: str) -> Any:
    """Return a stand-in for the type of a model's field, which loads the type when the first value is validated."""

    @functools.cache
    def adapter() -> Any:
        from pydantic import TypeAdapter

        return TypeAdapter(getattr(importlib.import_module(module), name))

    def validate(value: Any, info: Any) -> Any:
        if info.mode == "json":
            return adapter().validate_json(json.dumps(value), context=info.context)
        return adapter().validate_python(value, context=info.context)

    class FieldType:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            from pydantic_core import core_schema

            # Values are models, so their own serializers write them.
            return core_schema.with_info_plain_validator_function(validate)

        @classmethod
        def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
            return handler(adapter().core_schema)

    return FieldType


class _Flows(_StandInType):
    """The class of a stand-in for FastAPI's `OAuthFlows`. As the default that FastAPI makes, a dictionary does."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs) if args or kwargs else {}


class _Plain(dict[str, object]):
    """Stand in for `TypedDict` where only type checkers read the classes that are made from it."""

    def __init_subclass__(cls, *, total: bool = True) -> None:
        super().__init_subclass__()


def _no_model_of_version_1(module: ModuleType) -> None:
    """Let FastAPI look for models of pydantic's version 1 only if something has loaded that version."""
    for name in ("is_pydantic_v1_model_instance", "is_pydantic_v1_model_class"):
        real = getattr(module, name)
        setattr(module, name, lambda value, real=real: "pydantic.v1.main" in sys.modules and real(value))


_OPENAPI = "fastapi.openapi.models"
_STREAM_HELPERS = Place(
    _stand_ins("openai.lib.streaming.responses._responses", "ResponseStreamManager", "AsyncResponseStreamManager")
)

PLACES: dict[str, Place] = {
    # The client of the exporter of traces, which has a TLS context of its own. Each process makes an exporter.
    "agents.tracing.processors": Place({"httpx2": {"Client": lambda: _Client}}),
    # The MCP client, its server and three versions of the protocol's types. Each turn asks the servers for their tools.
    "agents.agent": Place(
        {"agents.mcp": {"MCPUtil": lambda: stand_in("agents.mcp", "MCPUtil", get_all_function_tools=_tools_of_servers)}}
    ),
    # Agents in a sandbox. Each run makes a runtime for them, with sandbox or without.
    "agents": Place({"agents.sandbox": {}}),
    "agents._run_state_agent_identity": Place(
        {
            **_stand_ins("agents.sandbox.capabilities.capability", "Capability"),
            **_stand_ins("agents.sandbox.session.base_sandbox_session", "BaseSandboxSession"),
        }
    ),
    "agents.run": Place(
        {
            _SANDBOX: {"SandboxRuntime": lambda: _SandboxRuntime},
            **_stand_ins("agents.sandbox.memory.rollouts", "terminal_metadata_for_exception"),
        }
    ),
    "agents.run_internal.run_loop": Place({_SANDBOX: {"SandboxRuntime": lambda: _SandboxRuntime}}),
    # Adapters for stored runs, which an approval resumes.
    "agents.run_state": Place({"pydantic": {"TypeAdapter": lambda: _Adapter}}),
    # The models of widgets, which most threads do not contain.
    "chatkit.agents": Place(_stand_ins("chatkit.widgets", "Markdown", "Text", "WidgetRoot")),
    "chatkit.server": Place(_stand_ins("chatkit.widgets", "WidgetComponent", "WidgetComponentBase", "WidgetRoot")),
    "chatkit.types": Place(
        {
            "chatkit.widgets": {
                name: functools.partial(_field_type, "chatkit.widgets", name)
                for name in ("WidgetComponent", "WidgetRoot")
            }
        }
    ),
    # Templates of widgets, which are files with the ending `.widget`.
    "chatkit.widgets": Place(
        {
            "jinja2": {
                "Environment": lambda: _Environment,
                "StrictUndefined": lambda: stand_in("jinja2", "StrictUndefined"),
                "Template": lambda: stand_in("jinja2", "Template"),
            }
        }
    ),
    "fastapi._compat.shared": Place(after=_no_model_of_version_1),
    # The models of an OpenAPI page, which our apps do not serve.
    "fastapi.applications": Place(_stand_ins("fastapi.openapi.utils", "get_openapi")),
    "fastapi.param_functions": Place(_stand_ins(_OPENAPI, "Example")),
    "fastapi.params": Place(_stand_ins(_OPENAPI, "Example")),
    "fastapi.security.api_key": Place(_stand_ins(_OPENAPI, "APIKey", "APIKeyIn")),
    "fastapi.security.base": Place(_stand_ins(_OPENAPI, "SecurityBase")),
    "fastapi.security.http": Place(_stand_ins(_OPENAPI, "HTTPBase", "HTTPBearer")),
    "fastapi.security.oauth2": Place(
        {
            _OPENAPI: {
                "OAuth2": functools.partial(stand_in, _OPENAPI, "OAuth2"),
                "OAuthFlows": lambda: _Flows("OAuthFlows", (), {"real": (_OPENAPI, "OAuthFlows")}),
            }
        }
    ),
    "fastapi.security.open_id_connect_url": Place(_stand_ins(_OPENAPI, "OpenIdConnect")),
    # The helpers of `client.responses.stream()`. We and the agents SDK read the stream of `create()`.
    "openai.lib._response_resources": _STREAM_HELPERS,
    "openai.resources.responses.responses": _STREAM_HELPERS,
    "openai.types": Place(reexports=True),
    "openai.types.chat": Place(reexports=True),
    "openai.types.responses": Place(reexports=True),
    "openai.types.shared": Place(reexports=True),
    # Ninety classes that describe the dictionaries of a schema for type checkers.
    "pydantic_core.core_schema": Place(
        {module: {"TypedDict": lambda: _Plain} for module in ("typing", "typing_extensions")}
    ),
}
