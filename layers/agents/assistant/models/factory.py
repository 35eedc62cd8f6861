"""The model factory: choose the provider and build the model for the agents.

To add a provider in an agents' package, write the hook `build_link` (see `docs/extending.md`). To add one to the
platform, write a file here that returns a `Link`, and add its name to `assistant.settings.ProviderName` and `_link`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from assistant.hooks import find_hook
from assistant.settings import ProviderName, Settings

if TYPE_CHECKING:
    from agents import Model, ModelSettings

    from assistant.identity import Caller
    from assistant.models.chain import ModelChain
    from assistant.models.link import Link


def build_model(settings: Settings, model_name: str | None = None, caller: Caller | None = None) -> ModelChain:
    """Build the model for an agent: the package's own provider or the configured one, then `LLM_FALLBACK`.

    A call is cheap: models share clients and connections.

    Args:
        settings: Providers, keys and default models.
        model_name: A model of the first provider instead of its default. The fallback keeps its own default.
        caller: The turn's caller, for a `build_link` that selects by tenant, user or role.

    Raises:
        ConfigurationError: a required setting is missing.
    """
    build_link = find_hook(settings, "build_link")
    own: Link | None = build_link(settings, model_name, caller) if build_link is not None else None
    fallback = settings.llm_fallback if settings.llm_fallback != settings.llm_provider else None
    return _chain(settings, own or link_of(settings, settings.llm_provider, model_name), fallback)


def chain_of(settings: Settings, model: Model, name: str) -> ModelChain:
    """Return the chain that starts with a model object of the Agents SDK, then `LLM_FALLBACK`.

    Args:
        settings: The fallback and the settings for all agents.
        model: The model object of an agent.
        name: Its name in the log.
    """
    from assistant.models.chain import ModelChain
    from assistant.models.own import own_link

    if isinstance(model, ModelChain):
        return model
    return _chain(settings, own_link(model, name), settings.llm_fallback)


def _chain(settings: Settings, first: Link, fallback: ProviderName | None) -> ModelChain:
    from assistant.models.chain import ModelChain

    links = [first] if fallback is None else [first, link_of(settings, fallback, None)]
    return ModelChain(links, _defaults(settings))


def _defaults(settings: Settings) -> ModelSettings:
    """Return the settings of a model call that `LLM_…` sets for all agents."""
    from agents import ModelSettings
    from openai.types.shared import Reasoning

    effort = settings.llm_reasoning_effort
    return ModelSettings(
        reasoning=None if effort is None else Reasoning(effort=effort),
        verbosity=settings.llm_verbosity,
        temperature=settings.llm_temperature,
        max_tokens=settings.llm_max_output_tokens,
    )


def link_of(settings: Settings, provider: ProviderName, model_name: str | None) -> Link:
    match provider:
        case "openai":
            from assistant.models.openai import openai_link

            return openai_link(settings, model_name)
        case "gemini":
            from assistant.models.gemini import gemini_link

            return gemini_link(settings, model_name)
        case "compatible":
            from assistant.models.compatible import compatible_link

            return compatible_link(settings, model_name)
        case "demo":
            from assistant.models.demo import demo_link

            return demo_link(model_name)
    assert_never(provider)


async def warm_up(settings: Settings) -> None:
    """Load the imports, the TLS context and the SDKs' deferred models at init, so that the first turn does not wait.

    It opens no connection and reads no secret, so it may run before a snapshot. It takes about a second of CPU. That is
    worth it before a snapshot, where init runs once. Elsewhere the first turn loads only what it needs.
    """
    build_model(settings)
    if settings.llm_provider in ("openai", "gemini", "compatible"):
        from assistant.models.clients import tls_context
        from assistant.models.warming import run_once

        tls_context()
        await run_once(on_responses=settings.llm_provider == "openai" and settings.openai_api == "responses")


def reset_clients() -> None:
    """Forget clients, failures and learnt capabilities, as after a restore from a snapshot, where sockets are dead."""
    from assistant.models.breaker import reset_breakers
    from assistant.models.capabilities import forget_learnt
    from assistant.models.clients import drop_clients

    drop_clients()
    reset_breakers()
    forget_learnt()


async def close_clients() -> None:
    """Close the running loop's connections at the end of the process."""
    from assistant.models.clients import close_clients as close

    await close()
